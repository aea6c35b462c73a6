"""Core ML packages on any machine: `validation.milrun` executes the operations saved in the file."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.milrun.errors import MilRunError
from validation.results.facts import Availability
from validation.runners.base.contract import Runner
from validation.runners.base.installed import is_there
from validation.runners.base.torch_threads import TorchThreads
from validation.runners.base.values import native_input


class MilRunRunner(Runner):
    """Executes .mlpackage folders operation by operation, without Apple's framework. Backend: ``cpu``."""

    name: ClassVar[str] = "milrun"
    formats: ClassVar[tuple[str, ...]] = ("coreml",)
    backends: ClassVar[tuple[str, ...]] = ("cpu",)
    chooses_signatures: ClassVar[bool] = True

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Say what is missing: milrun computes with torch and reads the file with coremltools' format definitions."""
        for package in ("torch", "coremltools"):
            if not is_there(package):
                return Availability(False, f"{package} is not installed; run: pip install 'segport[coreml]'")
        return Availability(True)

    @classmethod
    def emulates(cls, backend: str) -> str:
        """Name Core ML as what is imitated.

        Its own kernels sum in another order and, in float16, round at other places.
        """
        return "segport's own interpreter stands in for Core ML"

    @classmethod
    def latency_reason(cls, backend: str) -> str:
        """Say why time is no latency: it is that of an interpreter in Python, as is its memory."""
        return "milrun checks what the file computes; its time is not a phone's"

    @classmethod
    def preload(cls) -> None:
        """Import milrun and torch."""
        from validation.milrun import Interpreter  # noqa: F401

    def _open(self) -> None:
        from validation.milrun import Interpreter

        if not self.artifact.path.exists():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        self._error = MilRunError
        self._torch_threads = TorchThreads(self.threads)
        self._torch_threads.__enter__()
        with self._translated(MilRunError):
            self._interpreter = Interpreter(self.artifact.path, function=self.artifact.signature)
        outputs = [feature.name for feature in self._interpreter.outputs]
        if self.artifact.output.name not in outputs:
            raise RunnerError(
                f"{self.artifact.name} has no output {self.artifact.output.name!r} (it has: {', '.join(outputs)}); "
                "convert it again"
            )

    def _feed(self, image: NDArray[np.uint8]) -> None:
        spec = self.artifact.image
        self._given = {spec.name: image if spec.as_picture else native_input(image, spec)}

    def _invoke(self) -> None:
        with self._translated(self._error):
            self._answer: dict[str, Any] = self._interpreter.predict(self._given)

    def _fetch(self) -> NDArray[Any]:
        return np.asarray(self._answer[self.artifact.output.name])

    def _close(self) -> None:
        if hasattr(self, "_torch_threads"):
            self._torch_threads.__exit__(None, None, None)
            del self._torch_threads


RUNNER = MilRunRunner
