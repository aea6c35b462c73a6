"""What runners have in common that keep a TFLite runtime in another process."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.runners.base.contract import Runner
from validation.runners.base.other_interpreter.process import WorkerProcess
from validation.runners.base.tensors import TensorInfo, check_image_tensor, check_map_tensor, choose
from validation.runners.base.values import native_input


class WorkerRunner(Runner):
    """Executes .tflite files through `tflite_worker`; a subclass says how the worker is started.

    Attributes:
        reply_seconds: longest wait for one answer of the worker.
    """

    formats: ClassVar[tuple[str, ...]] = ("tflite",)
    default: ClassVar[bool] = False
    own_process: ClassVar[bool] = True
    reply_seconds: ClassVar[float]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """See `Runner`."""
        super().__init__(*arguments, **options)
        self._worker: WorkerProcess | None = None
        self._load_ns: int | None = None

    def process_ids(self) -> tuple[int, ...]:
        """Return the worker's process id."""
        return () if self._worker is None else (self._worker.process_id,)

    def load_ns(self) -> int | None:
        """Return how long the worker needed to open the file, its own start and imports excluded."""
        return self._load_ns

    @abstractmethod
    def _start_worker(self) -> WorkerProcess:
        """Start a worker that has opened nothing yet; raises RunnerError if that fails."""

    def _open(self) -> None:
        if not self.artifact.path.is_file():
            raise RunnerError(f"{self.artifact.path} does not exist; convert {self.artifact.name} again")
        self._worker = self._start_worker()
        chosen: dict[str, Any] = {"signature": self.artifact.signature} if self.chooses_signatures else {}
        answer, _ = self._ask("open", path=str(self.artifact.path.resolve()), threads=self.threads, **chosen)
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
