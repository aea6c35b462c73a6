"""LiteRT, the current TFLite runtime, on the CPU of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.results.facts import Availability, OperationTime
from validation.runners.base.contract import Runner
from validation.runners.base.installed import is_there
from validation.runners.base.native_output import captured_stderr
from validation.runners.base.tensors import check_image_tensor, check_map_tensor, choose
from validation.runners.base.values import native_input
from validation.runners.litert.c_api import NativeError, unusable
from validation.runners.litert.cpu_features import Float16, float16_of_this_cpu
from validation.runners.litert.float16 import FLOAT16, Float16Graph
from validation.runners.litert.graph import TFLiteGraph, left_behind
from validation.runners.litert.profiled_graph import ProfiledGraph

_RESOLVERS = {
    "xnnpack": "AUTO",
    "reference": "BUILTIN_REF",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
}
_REFERENCE_IMAGES = 2
"""The reference kernels are plain loops: seconds a picture where XNNPACK needs milliseconds."""


class LiteRtRunner(Runner):
    """Executes .tflite files.

    Backends: ``xnnpack``, what apps get on a CPU; ``reference``, the plain kernels that define what each operation
    means; ``builtin``, the optimized kernels without a delegate; ``xnnpack-fp16``, XNNPACK told to compute in
    float16, as it does by itself on phones for files that allow it. ``xnnpack`` here widens a float16 file to
    float32, which hides what float16 costs.
    """

    name: ClassVar[str] = "litert"
    formats: ClassVar[tuple[str, ...]] = ("tflite",)
    backends: ClassVar[tuple[str, ...]] = (*_RESOLVERS, FLOAT16)
    chooses_signatures: ClassVar[bool] = True

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Say how to install LiteRT if it is missing: a pip package with wheels for Linux, macOS and Windows."""
        if not is_there("ai_edge_litert"):
            return Availability(False, "LiteRT is not installed; run: pip install 'segport[tflite]'")
        if backend != FLOAT16:
            return Availability(True)
        if reason := unusable():
            return Availability(False, reason)
        if float16_of_this_cpu() is Float16.NONE:
            return Availability(
                False, "this CPU has no instructions for float16; run it on one with avx512_fp16 or on ARM"
            )
        return Availability(True)

    @classmethod
    def emulates(cls, backend: str) -> str:
        """On a CPU without float16 arithmetic XNNPACK stores in float16 only."""
        if backend != FLOAT16 or float16_of_this_cpu() is Float16.ARITHMETIC:
            return ""
        return "this CPU rounds every tensor to float16 but computes in float32: a phone's error is larger"

    @classmethod
    def latency_reason(cls, backend: str) -> str:
        """Reference kernels, and float16 on a CPU that does not compute in it, are not what any app runs."""
        if backend == "reference":
            return "the reference kernels are written to be checked, not to be fast"
        if backend == FLOAT16 and float16_of_this_cpu() is not Float16.ARITHMETIC:
            return "this CPU does not compute in float16; time it on one with avx512_fp16 or on ARM"
        return ""

    @classmethod
    def operations_reason(cls, backend: str) -> str:
        """Say why operations are not timed.

        Only the C API's profiler does it, where its layout is known and time means something.
        """
        return cls.latency_reason(backend) or unusable()

    @classmethod
    def images_limit(cls, backend: str) -> int | None:
        """Limit the reference kernels to a few pictures; the others see all."""
        return _REFERENCE_IMAGES if backend == "reference" else None

    @classmethod
    def preload(cls) -> None:
        """Import LiteRT."""
        import ai_edge_litert.interpreter  # noqa: F401

    def _open(self) -> None:
        if not self.artifact.path.is_file():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        with captured_stderr() as printed:
            try:
                self._graph: Any = self._new_graph()
            except (RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split()) or printed()
                raise RunnerError(f"litert ({self.backend}) refuses {self.artifact.name}: {reason}") from error
        image, output = self.artifact.image, self.artifact.output
        self._input = choose(self._graph.inputs, image.name, self.artifact)
        self._output = choose(self._graph.outputs, output.name, self.artifact)
        check_image_tensor(self._input, image, self.artifact)
        check_map_tensor(self._output, output, self.artifact)

    def _new_graph(self) -> TFLiteGraph | Float16Graph:
        if self.backend == FLOAT16:
            return Float16Graph(self.artifact.path, self.artifact.signature, self.threads)
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter: Any = Interpreter(
            model_path=str(self.artifact.path),
            num_threads=self.threads,
            experimental_op_resolver_type=OpResolverType[_RESOLVERS[self.backend]],
        )
        return TFLiteGraph(self._interpreter, self.artifact.signature)

    def undelegated(self) -> dict[str, int] | None:
        """Count what XNNPACK did not take; None for backends without it, and for files with several graphs."""
        self._check_open()
        if self.backend != "xnnpack" or self.artifact.signature is not None:
            return None
        return left_behind(self._interpreter._get_ops_details())

    def _feed(self, image: NDArray[np.uint8]) -> None:
        self._given = native_input(image, self.artifact.image)
        with self._translated(RuntimeError, ValueError, NativeError):
            self._graph.feed(self._input.index, self._given)

    def _invoke(self) -> None:
        with self._translated(RuntimeError, ValueError, NativeError):
            self._graph.invoke()

    def _fetch(self) -> NDArray[Any]:
        answer: NDArray[Any] = self._graph.fetch(self._output.index)
        return answer

    def _operation_times(self, runs: int) -> Iterator[OperationTime]:
        """Time operations in a second copy of the model, compiled with profiling on."""
        graph = ProfiledGraph(self.artifact.path, self.artifact.signature, self.backend, self.threads)
        with self._translated(NativeError, RuntimeError, ValueError):
            return iter(graph.operation_times(runs, lambda model: model.feed(self._input.name, self._given)))

    def _close(self) -> None:
        if isinstance(graph := getattr(self, "_graph", None), Float16Graph):
            with captured_stderr():  # it reports what it destroys
                graph.close()
        self._graph = self._interpreter = None


RUNNER = LiteRtRunner
