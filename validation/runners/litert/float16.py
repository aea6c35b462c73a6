"""One graph of a .tflite file that XNNPACK computes in float16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from validation.runners.base.tensors import TensorInfo
from validation.runners.litert.c_api import NativeError, NativeModel

FLOAT16 = "xnnpack-fp16"
"""Name of the backend."""
_EIGHT_BITS = 0x1 | 0x2
"""TFLITE_XNNPACK_DELEGATE_FLAG_QS8 and _QU8 of xnnpack_delegate.h, without which it leaves integer operations behind.
"""
_FORCE_FP16 = 0x4
"""TFLITE_XNNPACK_DELEGATE_FLAG_FORCE_FP16."""

FLOAT16_OPTIONS = f"flags = {_FORCE_FP16 | _EIGHT_BITS}"


class Float16Graph:
    """As `TFLiteGraph`: `feed(index, value)`, `invoke()`, `fetch(index)`; float operations are computed in float16.

    Args:
        path: of the file.
        signature: which graph; None for the file's first.
        threads: for XNNPACK.

    Raises:
        ValueError: no such signature, or the runtime refuses the file.
    """

    def __init__(self, path: Path, signature: str | None, threads: int) -> None:
        self.inputs, self.outputs = described(path, signature)
        self._tensors = {tensor.index: tensor for tensor in (*self.inputs, *self.outputs)}
        self._model = NativeModel(path, signature, f"num_threads = {threads}\n{FLOAT16_OPTIONS}\n")
        try:
            self._model.__enter__()
        except NativeError as error:
            raise ValueError(str(error)) from error

    def feed(self, index: int, value: NDArray[Any]) -> None:
        """Copy a picture in; raises NativeError if it has another size."""
        self._model.feed(self._tensors[index].name, value)

    def invoke(self) -> None:
        """Run one inference; raises NativeError if it fails."""
        self._model.invoke()

    def fetch(self, index: int) -> NDArray[Any]:
        """Copy an answer."""
        tensor = self._tensors[index]
        return self._model.fetch(tensor.name, tensor.dtype).reshape(tensor.shape)

    def close(self) -> None:
        """Release what was compiled."""
        self._model.__exit__()


def described(path: Path, signature: str | None) -> tuple[list[TensorInfo], list[TensorInfo]]:
    """Inputs and outputs of a graph, read without preparing it.

    Raises ValueError or RuntimeError as the interpreter does.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=plain)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if signature is not None:
        runner = interpreter.get_signature_runner(signature)
        inputs, outputs = runner.get_input_details().values(), runner.get_output_details().values()
    return [TensorInfo.of(item) for item in inputs], [TensorInfo.of(item) for item in outputs]
