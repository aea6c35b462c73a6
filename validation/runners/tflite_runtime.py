"""tflite-runtime 2.14, the runtime that older apps ship, in an environment of its own.

It needs numpy below 2 (under numpy 2 it imports and then dies in `Interpreter()`), so it cannot live beside the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.isolated.environment import IsolatedEnvironment
from validation.isolated.process import WorkerProcess
from validation.runner import Availability, Runner, native_input
from validation.tensors import TensorInfo, check_image_tensor, check_map_tensor, choose
from validation.tflite_graph import left_behind

ENVIRONMENT = IsolatedEnvironment(
    name="tflite-runtime",
    requirements=("tflite-runtime==2.14.0", "numpy==1.26.4"),
    imports="tflite_runtime.interpreter",
)
WORKER = Path(__file__).parent.parent / "isolated" / "tflite_worker.py"


def ensure_environment(progress: Callable[[str], None] = lambda message: None) -> Path:
    """Make the environment unless it exists; returns its interpreter. See `IsolatedEnvironment.ensure` for errors."""
    return ENVIRONMENT.ensure(progress)


class TfliteRuntimeRunner(Runner):
    """Executes .tflite files with tflite-runtime 2.14 (XNNPACK inside). Backend: ``cpu``.

    Used without being named once its environment exists. Latency is measured inside the subprocess.
    """

    name: ClassVar[str] = "tflite-runtime"
    formats: ClassVar[tuple[str, ...]] = ("tflite",)
    backends: ClassVar[tuple[str, ...]] = ("cpu",)
    default: ClassVar[bool] = False
    reply_seconds: ClassVar[float] = 180.0

    @classmethod
    def availability(cls, backend: str) -> Availability:
        """Its last wheels are for Linux and Python 3.11."""
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

    def process_ids(self) -> tuple[int, ...]:
        """The worker."""
        return () if self._worker is None else (self._worker.process_id,)

    def held_elsewhere(self) -> int | None:
        """Most bytes the worker held since it began to open the file, beyond what it held before."""
        found = self._ask("memory")[0]["memory"]
        return None if found is None else int(found)

    def undelegated(self) -> dict[str, int] | None:
        """What its own XNNPACK did not take."""
        return left_behind(self._ask("operations")[0]["operations"])

    def load_ns(self) -> int | None:
        """What the worker needed to open the file, its own start and imports excluded."""
        return self._load_ns

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """See `Runner`."""
        super().__init__(*arguments, **options)
        self._worker: WorkerProcess | None = None
        self._load_ns: int | None = None

    def _open(self) -> None:
        if not self.artifact.path.is_file():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        self._worker = WorkerProcess(ENVIRONMENT.python, WORKER, self.name, self.reply_seconds)
        answer, _ = self._ask("open", path=str(self.artifact.path.resolve()), threads=self.threads)
        self._load_ns = int(answer["nanoseconds"])
        image, output = self.artifact.image, self.artifact.output
        self._input = choose([TensorInfo.of(item) for item in answer["inputs"]], image.name, self.artifact)
        self._output = choose([TensorInfo.of(item) for item in answer["outputs"]], output.name, self.artifact)
        check_image_tensor(self._input, image, self.artifact)
        check_map_tensor(self._output, output, self.artifact)

    def _feed(self, image: NDArray[np.uint8]) -> None:
        self._ask("feed", native_input(image, self.artifact.image).tobytes(), index=self._input.index)

    def _invoke(self) -> None:
        self._ask("invoke")

    def _invoke_timed(self) -> int:
        return int(self._ask("invoke")[0]["nanoseconds"])

    def _fetch(self) -> NDArray[Any]:
        answer, content = self._ask("fetch", index=self._output.index)
        return np.frombuffer(content, dtype=answer["dtype"]).reshape(answer["shape"])

    def _ask(self, action: str, payload: bytes = b"", **fields: Any) -> tuple[dict[str, Any], bytes]:
        if self._worker is None:
            raise RunnerError(f"{self.name} is not open; use it in a with-statement")
        try:
            return self._worker.ask(action, payload, **fields)
        except RunnerError as error:
            raise RunnerError(f"{error} ({self.artifact.name})") from error

    def _close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


RUNNER = TfliteRuntimeRunner
