"""The Runner contract: open an artifact in one runtime, show it pictures, close it.

One lifecycle for every runtime. The public methods check; subclasses only do the work, in hooks that may assume that
checks have passed. A runner says of itself what it can and cannot measure, so that a report never has to guess.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from converters import Artifact
from validation.errors import RunnerError, ValidationError
from validation.results.facts import Availability, Delegation, OperationTime, OtherMachine
from validation.runners.base.values import canonical_output

if TYPE_CHECKING:
    from validation.results.facts import InstructionCount
    from validation.results.latency import OwnBenchmark
    from validation.runners.base.latency_settings import LatencySettings


class Runner(ABC):
    """Runs one artifact in one runtime and backend. Use as a context manager.

    Attributes:
        name: runtime name in reports, e.g. ``"litert"``.
        formats: artifact formats it executes.
        backends: backend names it offers, the default one first.
        default: False leaves the runner out unless it is asked for by name; see also `in_default_set`.
        settable_threads: False if the runtime chooses its own number of threads and ours is not used.
        chooses_signatures: True if it opens `artifact.signature` of a file that has several.
        counts_instructions: True if `count_instructions` says what an inference executes.
        own_process: True if the runtime works in another process by itself, so that it cannot take ours with it.
        benchmarks_itself: True if the runtime comes with a benchmark whose figures are taken over (see `benchmark`):
            what lies between us and it would spoil single inferences timed from here.
    """

    name: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]
    backends: ClassVar[tuple[str, ...]]
    default: ClassVar[bool] = True
    settable_threads: ClassVar[bool] = True
    chooses_signatures: ClassVar[bool] = False
    counts_instructions: ClassVar[bool] = False
    own_process: ClassVar[bool] = False
    benchmarks_itself: ClassVar[bool] = False

    def __init__(self, artifact: Artifact, backend: str | None = None, threads: int = 1) -> None:
        """Bind to an artifact without opening it.

        Raises:
            ValidationError: format or backend is not one of this runner's, or threads < 1.
        """
        if artifact.format not in self.formats:
            raise ValidationError(
                f"{self.name} does not run {artifact.format} artifacts, only {', '.join(self.formats)}"
            )
        chosen = backend or self.backends[0]
        if chosen not in self.backends:
            raise ValidationError(f"{self.name} has no backend {chosen!r}; choose from: {', '.join(self.backends)}")
        if threads < 1:
            raise ValidationError(f"threads is {threads}; give 1 or more")
        self.artifact = artifact
        self.backend = chosen
        self.threads = threads
        self._opened = False

    @classmethod
    @abstractmethod
    def availability(cls, backend: str) -> Availability:
        """Can `backend` be used here? Cheap; must not raise."""

    @classmethod
    def in_default_set(cls) -> bool:
        """Tell whether to use this runner when the user names none. Cheap; must not raise."""
        return cls.default

    @classmethod  # noqa: B027 (an optional hook, not an abstract one)
    def preload(cls) -> None:
        """Import the runtime's library, so that its import counts neither as load time nor as a model's memory."""

    @classmethod
    def latency_reason(cls, backend: str) -> str:
        """Say why this backend's time must not be reported as latency; empty if it may."""
        return ""

    @classmethod
    def emulates(cls, backend: str) -> str:
        """Name what this backend only imitates: its answers are near to a phone's but not a phone's.

        Empty if nothing.
        """
        return ""

    @classmethod
    def memory_reason(cls, backend: str) -> str:
        """Say why this backend's memory must not be reported; empty if it may."""
        return cls.latency_reason(backend)

    @classmethod
    def operations_reason(cls, backend: str) -> str:
        """Say why the times of single operations are not known; empty if `operation_times` gives them."""
        return cls.latency_reason(backend) or f"{cls.name} tells Python no times of single operations"

    @classmethod
    def artifact_reason(cls, artifact: Artifact) -> str:
        """Say why the runtime cannot run this artifact although it runs others of its format; empty if it can."""
        return ""

    @classmethod
    def images_limit(cls, backend: str) -> int | None:
        """Most pictures worth showing to a slow backend in an accuracy run; None for no limit."""
        return None

    def __enter__(self) -> Self:
        state = self.availability(self.backend)
        if not state.ok:
            raise RunnerError(f"{self.name} ({self.backend}) cannot run here: {state.reason}")
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        self._opened = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = False
        self._close()

    @property
    def is_open(self) -> bool:
        """Tell whether we are inside its with-statement."""
        return self._opened

    def predict(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.uint8]:
        """Answer for one picture.

        Args:
            image: uint8, shape (height, width, channels) of `artifact.image`; RGB where it has three.

        Returns:
            float32 logits (h, w, C), or uint8 label map (h, w) if the artifact answers with labels.

        Raises:
            ValidationError: wrong picture shape or dtype.
            RunnerError: the runtime failed, or it answered with a wrong shape or with NaN or infinity.
        """
        self._check_open()
        self._check_image(image)
        self._feed(image)
        self._invoke()
        return self._checked(self._fetch())

    def timed_call(self, image: NDArray[np.uint8]) -> Callable[[], int]:
        """Feed `image` once and return the bare inference to be timed.

        Each call runs one inference and returns its nanoseconds, without pre- or post-processing and without whatever
        lies between us and the runtime (the pipe to a subprocess, for one).
        """
        self._check_open()
        self._check_image(image)
        self._feed(image)
        return self._invoke_timed

    def timed_block(self, count: int) -> list[int]:
        """Run one inference that is not recorded, then `count` in a row, on the picture given to `timed_call` before.


        Returns:
            Nanoseconds of each of the `count`, as `timed_call`'s function returns them.

        Raises:
            RunnerError: the runtime failed.
        """
        self._check_open()
        return self._invoke_block(count)

    def operation_times(self, image: NDArray[np.uint8], runs: int) -> Iterator[OperationTime]:
        """Time every call of every operation in `runs` inferences, after one that is not recorded.


        Raises:
            RunnerError: the runtime failed, or has no profiler (see `operations_reason`).
            ValidationError: wrong picture shape or dtype.
        """
        self._check_open()
        self._check_image(image)
        self._feed(image)
        return self._operation_times(runs)

    def machine(self) -> OtherMachine | None:
        """Describe what it runs on, if that is not this machine.


        Raises:
            RunnerError: the other machine does not say.
        """
        return None

    def benchmark(self, image: NDArray[np.uint8], settings: LatencySettings) -> OwnBenchmark:
        """Time and memory of the open artifact on `image`, as the runtime's own benchmark tells them.

        Raises:
            RunnerError: the runtime failed, or has no benchmark (see `benchmarks_itself`).
            ValidationError: wrong picture shape or dtype.
        """
        raise RunnerError(f"{self.name} has no benchmark of its own; time it with a Stopwatch")

    def count_instructions(self, image: NDArray[np.uint8]) -> InstructionCount:
        """Instructions that one inference of `image` executes, on the CPU that the backend names.

        Raises:
            RunnerError: the runtime failed, or cannot count (see `counts_instructions`).
            ValidationError: wrong picture shape or dtype.
        """
        raise RunnerError(f"{self.name} does not count instructions")

    def native_agreement(self) -> dict[str, Any] | None:
        """Compare the answers since opening with those of this machine's own CPU, picture by picture.


        None for a runtime that does not compare, or has not answered yet; see `validation.runners.arm64.agreement`.
        """
        return None

    def delegation(self) -> Delegation | None:
        """Return what the backend's delegate took of the artifact when it was opened last; None if that is not told."""
        return None

    def undelegated(self) -> dict[str, int] | None:
        """Count, by kind, the open artifact's operations that the runtime's delegate did not take.


        None for a runtime that has no delegate, or does not tell.
        """
        return None

    def process_ids(self) -> tuple[int, ...]:
        """List the processes, apart from our own, that work for this runner while it is open."""
        return ()

    def held_elsewhere(self) -> int | None:
        """Most bytes held for the open artifact in another process; None for a runtime inside ours."""
        return None

    def load_ns(self) -> int | None:
        """Nanoseconds that opening took in another process; None for a runtime inside ours, whose opening we time."""
        return None

    @abstractmethod
    def _open(self) -> None:
        """Load the artifact; raise RunnerError if the runtime refuses it."""

    @abstractmethod
    def _feed(self, image: NDArray[np.uint8]) -> None:
        """Convert the picture to what the runtime takes (see `native_input`) and hand it over."""

    @abstractmethod
    def _invoke(self) -> None:
        """Run one inference."""

    def _invoke_timed(self) -> int:
        """Run one inference; return its nanoseconds as measured closest to the runtime."""
        start = time.perf_counter_ns()
        self._invoke()
        return time.perf_counter_ns() - start

    def _invoke_block(self, count: int) -> list[int]:
        """Run one inference that is not recorded, then `count`, each as `_invoke_timed` times it."""
        self._invoke_timed()
        return [self._invoke_timed() for _ in range(count)]

    @abstractmethod
    def _fetch(self) -> NDArray[Any]:
        """Fetch the raw answer of the last inference, as the runtime gives it."""

    def _operation_times(self, runs: int) -> Iterator[OperationTime]:
        raise RunnerError(self.operations_reason(self.backend))

    def _close(self) -> None:  # noqa: B027 (an optional hook, not an abstract one)
        """Release what `_open` took; also called when `_open` failed half-way."""

    @contextmanager
    def _translated(self, *errors: type[Exception]) -> Iterator[None]:
        """Turn the runtime's own `errors` into a RunnerError that names runtime, artifact and reason."""
        try:
            yield
        except errors as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RunnerError(f"{self.name} ({self.backend}) failed on {self.artifact.name}: {reason}") from error

    def _check_open(self) -> None:
        if not self._opened:
            raise RunnerError(f"{self.name} is not open; use it in a with-statement")

    def _check_image(self, image: NDArray[np.uint8]) -> None:
        spec = self.artifact.image
        if image.dtype != np.uint8 or image.shape != (spec.height, spec.width, spec.channels):
            raise ValidationError(
                f"{self.artifact.name} takes uint8 pictures of {spec.height}x{spec.width}x{spec.channels}, not "
                f"{image.dtype} "
                f"{'x'.join(map(str, image.shape))}; resize them first"
            )

    def _checked(self, raw: NDArray[Any]) -> NDArray[np.float32] | NDArray[np.uint8]:
        if raw.dtype.kind == "f" and not np.isfinite(raw).all():
            raise RunnerError(f"{self.name} answered with NaN or infinity on {self.artifact.name}")
        return canonical_output(raw, self.artifact.output)


def unavailable(runner: Runner) -> str:
    """Say why what `runner` is bound to cannot be run here; empty if it can."""
    available = runner.availability(runner.backend)
    if available.ok and runner.artifact.needs_choice and not runner.chooses_signatures:
        return f"{runner.name} runs only the default output size of a file with several"
    return available.reason if not available.ok else runner.artifact_reason(runner.artifact)
