"""Runtimes in processes of their own: a runner like any other, whose work is done elsewhere.

Times are taken there, around the bare inference, by the runtime's own runner; while one is taken nothing here looks at
anything.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from converters import Artifact
from toolkit.isolation import runtime_side as there
from toolkit.isolation.limits import Limits
from toolkit.isolation.process import GuardedProcess, LostError
from validation.errors import RunnerError
from validation.results.facts import Availability, Delegation, InstructionCount, OperationTime, OtherMachine
from validation.results.latency import OwnBenchmark
from validation.runners.base.contract import Runner
from validation.runners.base.latency_settings import LatencySettings

Value = TypeVar("Value")
_FACTS = (
    "name",
    "formats",
    "backends",
    "default",
    "settable_threads",
    "chooses_signatures",
    "counts_instructions",
    "benchmarks_itself",
)
_idle: dict[tuple[type[Runner], Limits], GuardedProcess] = {}
"""One process of each kind that has its runtime imported and nothing open: the next artifact's."""


@cache
def isolated(kind: type[Runner], limits: Limits) -> type[Runner]:
    """`kind`, each open runner in a process of its own; `kind` itself if it is that already."""
    if kind.own_process:
        return kind
    own = {fact: getattr(kind, fact) for fact in _FACTS}
    return type(f"Isolated{kind.__name__}", (IsolatedRunner,), {**own, "inner": kind, "limits": limits})


class IsolatedRunner(Runner):
    """Runs an artifact elsewhere. A process that dies, hangs or takes too much memory is a RunnerError.

    Attributes:
        inner: the runner that does the work there.
        limits: of opening it, and of every picture.
    """

    inner: ClassVar[type[Runner]]
    limits: ClassVar[Limits]
    own_process: ClassVar[bool] = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """See `Runner`."""
        super().__init__(*arguments, **options)
        self._process: GuardedProcess | None = None
        self._load_ns: int | None = None
        self._last_words = there.LastWords()

    @classmethod
    def availability(cls, backend: str) -> Availability:
        return cls.inner.availability(backend)

    @classmethod
    def in_default_set(cls) -> bool:
        return cls.inner.in_default_set()

    @classmethod
    def latency_reason(cls, backend: str) -> str:
        return cls.inner.latency_reason(backend)

    @classmethod
    def emulates(cls, backend: str) -> str:
        return cls.inner.emulates(backend)

    @classmethod
    def memory_reason(cls, backend: str) -> str:
        return cls.inner.memory_reason(backend)

    @classmethod
    def operations_reason(cls, backend: str) -> str:
        return cls.inner.operations_reason(backend)

    @classmethod
    def artifact_reason(cls, artifact: Artifact) -> str:
        return cls.inner.artifact_reason(artifact)

    @classmethod
    def images_limit(cls, backend: str) -> int | None:
        return cls.inner.images_limit(backend)

    def count_instructions(self, image: NDArray[np.uint8]) -> InstructionCount:
        self._check_open()
        return self._call(there.count_instructions, image)

    def machine(self) -> OtherMachine | None:
        return self.inner(self.artifact, self.backend, self.threads).machine()  # asked before anything is opened

    def benchmark(self, image: NDArray[np.uint8], settings: LatencySettings) -> OwnBenchmark:
        self._check_open()
        return self._call(there.benchmark, image, settings)

    def native_agreement(self) -> dict[str, Any] | None:
        return self._words().native_agreement

    def delegation(self) -> Delegation | None:
        return self._words().delegation

    def _words(self) -> there.LastWords:
        return self._last_words if self._process is None else self._call(there.last_words)

    def undelegated(self) -> dict[str, int] | None:
        self._check_open()
        return self._call(there.undelegated)

    def process_ids(self) -> tuple[int, ...]:
        return () if self._process is None else (self._process.process_id,)

    def load_ns(self) -> int | None:
        return self._load_ns

    def _open(self) -> None:
        self._process = _idle.pop((self.inner, self.limits), None)
        try:
            if self._process is None:
                self._process = GuardedProcess(f"{self.name}'s process", self.limits)
        except LostError as lost:
            raise RunnerError(f"{self.artifact.name} could not be opened: {lost}") from lost
        self._load_ns = self._call(there.open_runner, self.inner, self.artifact, self.backend, self.threads)

    def _feed(self, image: NDArray[np.uint8]) -> None:
        self._call(there.feed, image)

    def _invoke(self) -> None:
        self._call(there.invoke)

    def _invoke_timed(self) -> int:
        return self._call(there.invoke_timed, quiet=True)

    def _invoke_block(self, count: int) -> list[int]:
        return self._call(there.invoke_block, count, quiet=True)

    def _fetch(self) -> NDArray[Any]:
        return self._call(there.fetch)

    def _operation_times(self, runs: int) -> Iterator[OperationTime]:
        yield from self._call(there.operation_times, runs)

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is None or not process.alive:
            return
        try:
            self._last_words = process.call(there.close)
        except (LostError, RunnerError):
            process.stop()
            return
        if (self.inner, self.limits) in _idle:
            process.stop()
        else:
            _idle[self.inner, self.limits] = process

    def _call(self, function: Callable[..., Value], *arguments: Any, quiet: bool = False) -> Value:
        if self._process is None:
            raise RunnerError(f"{self.name} has lost its process; open it again")
        try:
            return self._process.call(function, *arguments, quiet=quiet)
        except LostError as lost:
            self._process = None
            raise RunnerError(f"{self.name} ({self.backend}) failed on {self.artifact.name}: {lost}") from lost


@contextmanager
def processes_released() -> Iterator[None]:
    """End the idle processes when the block ends."""
    try:
        yield
    finally:
        release()


def release() -> None:
    """End the idle processes."""
    while _idle:
        _idle.popitem()[1].stop()


atexit.register(release)
