"""Apple's Core ML framework, which exists only on macOS."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.results.facts import Availability
from validation.runners.base.contract import Runner
from validation.runners.base.installed import is_there
from validation.runners.base.values import native_input

NS_PER_MS = 1e6
_COMPUTE_UNITS = {
    "all": "ALL",
    "cpu_only": "CPU_ONLY",
    "cpu_and_gpu": "CPU_AND_GPU",
    "cpu_and_ne": "CPU_AND_NE",
}


class CoreMlRunner(Runner):
    """Executes .mlpackage folders with Core ML. Backends are its compute units; ``all`` is what an app gets."""

    name: ClassVar[str] = "coreml"
    formats: ClassVar[tuple[str, ...]] = ("coreml",)
    backends: ClassVar[tuple[str, ...]] = tuple(_COMPUTE_UNITS)
    settable_threads: ClassVar[bool] = False
    chooses_signatures: ClassVar[bool] = True
    _loop: asyncio.AbstractEventLoop | None = None
    _benchmarker: Any = None

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Only macOS has the framework."""
        if sys.platform != "darwin":
            return Availability(False, "the Core ML framework exists only on macOS; run `segport bench` there")
        if not is_there("coremltools"):
            return Availability(False, "coremltools is not installed; run: pip install 'segport[coreml]'")
        return Availability(True)

    @classmethod
    def preload(cls) -> None:
        """Import coremltools."""
        import coremltools  # noqa: F401

    def _open(self) -> None:
        import coremltools

        if not self.artifact.path.exists():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        self._units = units = coremltools.ComputeUnit[_COMPUTE_UNITS[self.backend]]
        with self._translated(RuntimeError, ValueError, OSError):
            self._model: Any = coremltools.models.MLModel(
                str(self.artifact.path), compute_units=units, function_name=self.artifact.signature
            )

    def _feed(self, image: NDArray[np.uint8]) -> None:
        from PIL import Image

        spec = self.artifact.image
        self._given = {spec.name: Image.fromarray(image) if spec.as_picture else native_input(image, spec)}

    def _invoke(self) -> None:
        with self._translated(RuntimeError, ValueError):
            self._answer: dict[str, Any] = self._model.predict(self._given)

    def _invoke_timed(self) -> int:
        """By coremltools' MLModelBenchmarker: the framework's own account of the call, without the bridge to Python.

        One prediction at a time, so that artifacts can be sampled in turns. The benchmarker loads the model once
        more, at the first call.
        """
        with self._translated(RuntimeError, ValueError):
            if self._benchmarker is None:
                from coremltools.models.ml_program.experimental.perf_utils import MLModelBenchmarker

                self._loop, self._benchmarker = asyncio.new_event_loop(), MLModelBenchmarker(self._model)
            assert self._loop is not None
            measuring = self._benchmarker.benchmark_predict(inputs=self._given, iterations=1, warmup=False)
            (milliseconds,) = self._loop.run_until_complete(measuring).samples
        return round(float(milliseconds) * NS_PER_MS)

    def undelegated(self) -> dict[str, int] | None:
        """Operations that Core ML's compute plan leaves on the CPU, by kind, where GPU or Neural Engine may take
        them."""
        self._check_open()
        if self.backend == "cpu_only":
            return None
        from coremltools.models.compute_plan import MLComputePlan

        with self._translated(RuntimeError, ValueError, OSError):
            plan = MLComputePlan.load_from_path(self._model.get_compiled_model_path(), self._units)
        functions = plan.model_structure.program.functions
        name = self.artifact.signature
        (chosen,) = functions.values() if name is None else (functions[name],)
        usages = ((item, plan.get_compute_device_usage_for_mlprogram_operation(item)) for item in _inside(chosen.block))
        left = (
            item
            for item, usage in usages
            if usage is not None and "CPU" in type(usage.preferred_compute_device).__name__
        )
        return dict(Counter(item.operator_name for item in left).most_common())

    def _fetch(self) -> NDArray[Any]:
        name = self.artifact.output.name
        if name not in self._answer:
            raise RunnerError(
                f"{self.artifact.name} answers with {', '.join(self._answer)}, not {name!r}; convert it again"
            )
        return np.asarray(self._answer[name])

    def _close(self) -> None:
        self._model = self._benchmarker = None
        if self._loop is not None:
            self._loop.close()
            self._loop = None


def _inside(block: Any) -> Iterator[Any]:
    """Operations of a block and of the blocks inside them, of coremltools' MLModelStructure."""
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _inside(inner)


RUNNER = CoreMlRunner
