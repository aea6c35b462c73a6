"""LiteRT, the current TFLite runtime, on the CPU of this machine."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.native_output import captured_stderr
from validation.runner import Availability, Runner, native_input
from validation.tensors import check_image_tensor, check_map_tensor, choose
from validation.tflite_graph import TFLiteGraph, left_behind

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
    means; ``builtin``, the optimized kernels without a delegate.
    """

    name: ClassVar[str] = "litert"
    formats: ClassVar[tuple[str, ...]] = ("tflite",)
    backends: ClassVar[tuple[str, ...]] = tuple(_RESOLVERS)
    chooses_signatures: ClassVar[bool] = True

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """LiteRT is a pip package with wheels for Linux, macOS and Windows."""
        if find_spec("ai_edge_litert") is None:
            return Availability(False, "LiteRT is not installed; run: pip install 'segport[tflite]'")
        return Availability(True)

    @classmethod
    def latency_reason(cls, backend: str) -> str:
        """Reference kernels are not what any app runs."""
        return "the reference kernels are written to be checked, not to be fast" if backend == "reference" else ""

    @classmethod
    def operations_reason(cls, backend: str) -> str:
        """Its interpreter takes a flag that makes delegates record times, but nothing in Python reads them."""
        return (
            "LiteRT's Python API gives no times of single operations; "
            "its benchmark_model tool prints them with --enable_op_profiling=true"
        )

    @classmethod
    def images_limit(cls, backend: str) -> int | None:
        """A few pictures for the reference kernels, all for the others."""
        return _REFERENCE_IMAGES if backend == "reference" else None

    @classmethod
    def preload(cls) -> None:
        """Import LiteRT."""
        import ai_edge_litert.interpreter  # noqa: F401

    def _open(self) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        if not self.artifact.path.is_file():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        with captured_stderr() as printed:
            try:
                self._interpreter: Any = Interpreter(
                    model_path=str(self.artifact.path),
                    num_threads=self.threads,
                    experimental_op_resolver_type=OpResolverType[_RESOLVERS[self.backend]],
                )
                self._graph: Any = TFLiteGraph(self._interpreter, self.artifact.signature)
            except (RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split()) or printed()
                raise RunnerError(f"litert ({self.backend}) refuses {self.artifact.name}: {reason}") from error
        image, output = self.artifact.image, self.artifact.output
        self._input = choose(self._graph.inputs, image.name, self.artifact)
        self._output = choose(self._graph.outputs, output.name, self.artifact)
        check_image_tensor(self._input, image, self.artifact)
        check_map_tensor(self._output, output, self.artifact)

    def undelegated(self) -> dict[str, int] | None:
        """What XNNPACK did not take; None for backends without it, and for files with several graphs."""
        self._check_open()
        if self.backend != "xnnpack" or self.artifact.signature is not None:
            return None
        return left_behind(self._interpreter._get_ops_details())

    def _feed(self, image: NDArray[np.uint8]) -> None:
        with self._translated(RuntimeError, ValueError):
            self._graph.feed(self._input.index, native_input(image, self.artifact.image))

    def _invoke(self) -> None:
        with self._translated(RuntimeError, ValueError):
            self._graph.invoke()

    def _fetch(self) -> NDArray[Any]:
        answer: NDArray[Any] = self._graph.fetch(self._output.index)
        return answer

    def _close(self) -> None:
        self._graph = self._interpreter = None


RUNNER = LiteRtRunner
