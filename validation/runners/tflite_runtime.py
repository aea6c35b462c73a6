"""tflite-runtime 2.14, the runtime that older apps ship, in an environment of its own.

It needs numpy below 2 (under numpy 2 it imports and then dies in `Interpreter()`), so it cannot live beside the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from validation.results.facts import Availability
from validation.runners.base.other_interpreter.environment import IsolatedEnvironment
from validation.runners.base.other_interpreter.process import WorkerProcess
from validation.runners.base.other_interpreter.runner import WorkerRunner
from validation.runners.litert.graph import left_behind

ENVIRONMENT = IsolatedEnvironment(
    name="tflite-runtime",
    requirements=("tflite-runtime==2.14.0", "numpy==1.26.4"),
    imports="tflite_runtime.interpreter",
)
WORKER = Path(__file__).parent / "base" / "other_interpreter" / "tflite_worker.py"


def ensure_environment(progress: Callable[[str], None] = lambda message: None) -> Path:
    """Make the environment unless it exists; returns its interpreter. See `IsolatedEnvironment.ensure` for errors."""
    return ENVIRONMENT.ensure(progress)


class TfliteRuntimeRunner(WorkerRunner):
    """Executes .tflite files with tflite-runtime 2.14 (XNNPACK inside). Backend: ``cpu``.

    Used without being named once its environment exists. Latency is measured inside the subprocess.
    """

    name: ClassVar[str] = "tflite-runtime"
    backends: ClassVar[tuple[str, ...]] = ("cpu",)
    reply_seconds: ClassVar[float] = 180.0

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Say what is missing: the last wheels are for Linux and Python 3.11."""
        if sys.platform != "linux" or sys.version_info[:2] > (3, 11):
            return Availability(False, "tflite-runtime 2.14 exists only for Linux and Python up to 3.11")
        if not ENVIRONMENT.exists():
            return Availability(
                False, "its own environment has not been made; run: segport doctor --setup tflite-runtime"
            )
        return Availability(True)

    @classmethod
    def in_default_set(cls) -> bool:
        """Once somebody has made the environment."""
        return cls.availability(cls.backends[0]).ok

    def held_elsewhere(self) -> int | None:
        """Most bytes the worker held since it began to open the file, beyond what it held before."""
        found = self._ask("memory")[0]["memory"]
        return None if found is None else int(found)

    def undelegated(self) -> dict[str, int] | None:
        """Count what its own XNNPACK did not take."""
        return left_behind(self._ask("operations")[0]["operations"])

    def _start_worker(self) -> WorkerProcess:
        return WorkerProcess(ENVIRONMENT.python, WORKER, self.name, self.reply_seconds)


RUNNER = TfliteRuntimeRunner
