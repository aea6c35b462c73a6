"""LiteRT's C API through ctypes, for what its Python API lacks: the times of single operations, and flags for XNNPACK
without noise.

(`ai_edge_litert.compiled_model` takes such flags, but opens an environment of its own that reports itself on the
terminal when the process ends, and it records no times.)

The layouts below are those of LiteRT's public headers (litert/c/litert_profiler_event.h, litert_layout.h,
litert_model_types.h), and the text options those of litert/c/options/litert_runtime_options.cc and
litert_cpu_options.cc. They were held against one version, `SEEN`; for any other there is a reason instead of an
answer, because a wrong layout would not fail but lie.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from validation.runners.base.installed import is_there

SEEN = "2.3.0"
"""The version of ai-edge-litert whose layouts these are."""

_CPU = 1
_FLOAT32 = 1
_PLAIN_OPERATION = 1 << 1
_DELEGATED_OPERATION = 1 << 3
_NO_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)


class NativeError(Exception):
    """A call of the C API failed."""


@dataclass(frozen=True)
class Event:
    """One call of one operation.

    Attributes:
        name: of the kernel: TFLite's name of the operation or, inside a delegate, the delegate's own.
        delegated: whether a delegate ran it.
        place: of the operation in the graph; inside a delegate, of its kernel in that part of the graph.
        nanoseconds: whole microseconds, which is what the profiler counts in.
    """

    name: str
    delegated: bool
    place: int
    nanoseconds: int


class _Layout(ctypes.Structure):
    _fields_: ClassVar = [
        ("rank_and_strided", ctypes.c_uint),
        ("sizes", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    ]


class _TensorType(ctypes.Structure):
    _fields_: ClassVar = [("element", ctypes.c_int), ("layout", _Layout)]


class _ProfiledEvent(ctypes.Structure):
    _fields_: ClassVar = [
        ("tag", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_size_t * 6),
        ("place", ctypes.c_uint64),
        ("graph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    ]


def unusable() -> str:
    """Say why the C API cannot be used here; empty if it can. Cheap; does not raise."""
    try:
        found = version("ai-edge-litert")
    except PackageNotFoundError:
        return "LiteRT is not installed; run: pip install 'segport[tflite]'"
    if found != SEEN:
        return f"this needs LiteRT's C API, which is known here for LiteRT {SEEN} only, and {found} is installed"
    return "" if _library_path() is not None else f"LiteRT {found} is installed without its library libLiteRt"


@cache
def _library_path() -> Path | None:
    spec = find_spec("ai_edge_litert") if is_there("ai_edge_litert") else None
    folders = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    return next((path for folder in folders for path in sorted(folder.glob("libLiteRt.*"))), None)


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(_library_path()))


def _call(name: str, *arguments: Any) -> None:
    status = getattr(_library(), name)(*arguments)
    if status:
        raise NativeError(f"{name} failed with status {status}")


def _made(name: str, *arguments: Any) -> ctypes.c_void_p:
    """Return the handle a creating or getting call writes to its last argument."""
    handle = ctypes.c_void_p()
    _call(name, *arguments, ctypes.byref(handle))
    return handle


class NativeModel:
    """A compiled .tflite file. Use as a context manager, with `unusable()` empty.

    Args:
        path: of the file.
        signature: which of the file's signatures; None for its first.
        cpu_options: of LiteRT's CPU accelerator, one `key = value` a line (num_threads, kernel_mode, flags).
        profiling: whether `profile` will be called; it slows inferences down.
    """

    def __init__(self, path: Path, signature: str | None, cpu_options: str, *, profiling: bool = False) -> None:
        self._path, self._wanted = path, signature
        self._options = {
            "runtime_options_string": f"enable_profiling = {str(profiling).lower()}\n",
            "xnnpack": cpu_options,
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Compile the file; raises NativeError if LiteRT refuses it, or it has no such signature."""
        with ExitStack() as stack:
            self._compile(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the tensors that are read."""
        return tuple(self._inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Name the tensors that are written."""
        return tuple(self._outputs)

    def feed(self, name: str, value: NDArray[Any]) -> None:
        """Copy an array into an input.

        Raises:
            NativeError: no such input, or it holds another number of bytes.
        """
        address, size = _memory(self._inputs, name)
        if size != value.nbytes:
            raise NativeError(f"the input takes {size} bytes, not {value.nbytes}")
        ctypes.memmove(address, np.ascontiguousarray(value).ctypes.data, size)

    def fill(self, generator: np.random.Generator) -> None:
        """Give every input noise: 0..1 where it is float32, random bits elsewhere."""
        for name, buffer in self._inputs.items():
            kind = _TensorType()
            _call("LiteRtGetTensorBufferTensorType", buffer, ctypes.byref(kind))
            _, size = _memory(self._inputs, name)
            noise = generator.random(size // 4, np.float32) if kind.element == _FLOAT32 else generator.bytes(size)
            self.feed(name, np.frombuffer(noise, np.uint8) if isinstance(noise, bytes) else noise)

    def invoke(self) -> None:
        """Run one inference; raises NativeError if it fails."""
        sides = []
        for buffers in (self._inputs, self._outputs):
            sides += [ctypes.c_size_t(len(buffers)), (ctypes.c_void_p * len(buffers))(*buffers.values())]
        _call("LiteRtRunCompiledModel", self._compiled, self._signature, *sides)

    def fetch(self, name: str, dtype: str) -> NDArray[Any]:
        """Copy an output's numbers, flat; raises NativeError if there is no such output."""
        address, size = _memory(self._outputs, name)
        return np.frombuffer(ctypes.string_at(address, size), dtype=dtype)

    def profile(self, runs: int) -> Iterator[list[Event]]:
        """Time, in each of `runs` inferences after one that is not recorded, every operation in the order they ran."""
        profiler = _made("LiteRtCompiledModelGetProfiler", self._compiled)
        self.invoke()
        for _ in range(runs):
            _call("LiteRtResetProfiler", profiler)
            _call("LiteRtStartProfiler", profiler)
            self.invoke()
            _call("LiteRtStopProfiler", profiler)
            yield _events(profiler)

    def _compile(self, stack: ExitStack) -> None:
        library = _library()
        self._kept: list[Any] = []  # texts whose addresses LiteRT keeps
        environment = _made("LiteRtCreateEnvironment", 0, None)
        stack.callback(library.LiteRtDestroyEnvironment, environment)
        model = _made("LiteRtCreateModelFromFile", environment, str(self._path).encode())
        stack.callback(library.LiteRtDestroyModel, model)
        options = _made("LiteRtCreateOptions")
        stack.callback(library.LiteRtDestroyOptions, options)
        _call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        for kind, text in self._options.items():
            self._kept.append(_add(options, kind, text))
        self._compiled = _made("LiteRtCreateCompiledModel", environment, model, options)
        stack.callback(library.LiteRtDestroyCompiledModel, self._compiled)
        self._signature, signature = self._chosen(model)
        self._inputs = self._buffers(stack, environment, signature, "Input")
        self._outputs = self._buffers(stack, environment, signature, "Output")

    def _chosen(self, model: ctypes.c_void_p) -> tuple[ctypes.c_size_t, ctypes.c_void_p]:
        count = ctypes.c_size_t()
        _call("LiteRtGetNumModelSignatures", model, ctypes.byref(count))
        names = []
        for number in range(count.value):
            signature = _made("LiteRtGetModelSignature", model, ctypes.c_size_t(number))
            names.append(_text("LiteRtGetSignatureKey", signature))
            if self._wanted in (None, names[-1]):
                return ctypes.c_size_t(number), signature
        raise NativeError(f"there is no signature {self._wanted!r}, only {', '.join(names)}")

    def _buffers(
        self, stack: ExitStack, environment: ctypes.c_void_p, signature: ctypes.c_void_p, side: str
    ) -> dict[str, ctypes.c_void_p]:
        """Make a buffer for each input or output, by the name of its tensor."""
        count = ctypes.c_size_t()
        _call(f"LiteRtGetNumSignature{side}s", signature, ctypes.byref(count))
        found = {}
        for number in range(count.value):
            at = ctypes.c_size_t(number)
            tensor = _made(f"LiteRtGetSignature{side}TensorByIndex", signature, at)
            name, kind = _text("LiteRtGetTensorName", tensor), _TensorType()
            _call("LiteRtGetRankedTensorType", tensor, ctypes.byref(kind))
            needs = _made(f"LiteRtGetCompiledModel{side}BufferRequirements", self._compiled, self._signature, at)
            found[name] = _made(
                "LiteRtCreateManagedTensorBufferFromRequirements", environment, ctypes.byref(kind), needs
            )
            stack.callback(_library().LiteRtDestroyTensorBuffer, found[name])
        return found


def _add(options: ctypes.c_void_p, kind: str, text: str) -> ctypes.Array[ctypes.c_char]:
    """Give LiteRT a text of options; what is returned must outlive them, as LiteRT keeps its address."""
    payload = ctypes.create_string_buffer(text.encode())
    address = ctypes.cast(payload, ctypes.c_void_p)
    _call("LiteRtAddOpaqueOptions", options, _made("LiteRtCreateOpaqueOptions", kind.encode(), address, _NO_DELETER))
    return payload


def _memory(buffers: dict[str, ctypes.c_void_p], name: str) -> tuple[ctypes.c_void_p, int]:
    """Address and number of bytes of a buffer."""
    if name not in buffers:
        raise NativeError(f"there is no tensor {name!r}, only {', '.join(buffers)}")
    size = ctypes.c_size_t()
    _call("LiteRtGetTensorBufferPackedSize", buffers[name], ctypes.byref(size))
    return _made("LiteRtGetTensorBufferHostMemory", buffers[name]), size.value


def _events(profiler: ctypes.c_void_p) -> list[Event]:
    count = ctypes.c_int()
    _call("LiteRtGetNumProfilerEvents", profiler, ctypes.byref(count))
    recorded = (_ProfiledEvent * count.value)()
    _call("LiteRtGetProfilerEvents", profiler, count, recorded)
    return [
        Event(item.tag.decode(), item.type == _DELEGATED_OPERATION, int(item.place), int(item.elapsed_us) * 1000)
        for item in recorded
        if item.type in (_PLAIN_OPERATION, _DELEGATED_OPERATION)
    ]


def _text(name: str, *arguments: Any) -> str:
    found = ctypes.c_char_p()
    _call(name, *arguments, ctypes.byref(found))
    return (found.value or b"").decode()
