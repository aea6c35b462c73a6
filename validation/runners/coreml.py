"""Apple's Core ML framework, which exists only on macOS."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.runner import Availability, Runner, native_input

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

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Only macOS has the framework."""
        if sys.platform != "darwin":
            return Availability(False, "the Core ML framework exists only on macOS; run `segport bench` there")
        if find_spec("coremltools") is None:
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
        units = coremltools.ComputeUnit[_COMPUTE_UNITS[self.backend]]
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
        """The framework's own account of the call where coremltools passes it on, without the bridge to Python."""
        around = super()._invoke_timed()
        inside = getattr(self._model, "last_predict_duration_in_nano_seconds", None)
        return int(inside) if inside else around

    def _fetch(self) -> NDArray[Any]:
        name = self.artifact.output.name
        if name not in self._answer:
            raise RunnerError(
                f"{self.artifact.name} answers with {', '.join(self._answer)}, not {name!r}; convert it again"
            )
        return np.asarray(self._answer[name])

    def _close(self) -> None:
        self._model = None


RUNNER = CoreMlRunner
