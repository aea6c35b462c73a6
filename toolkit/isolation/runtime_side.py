"""What is done in a runtime's own process: one runner at a time is open there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from converters import Artifact
    from validation.results.facts import Delegation, InstructionCount, OperationTime
    from validation.results.latency import OwnBenchmark
    from validation.runners.base.contract import Runner
    from validation.runners.base.latency_settings import LatencySettings


@dataclass(frozen=True)
class LastWords:
    """What a runner knows of its last opening, and may be asked for afterwards; see `Runner`."""

    native_agreement: dict[str, Any] | None = None
    delegation: Delegation | None = None


_open: list[Runner] = []


def open_runner(kind: type[Runner], artifact: Artifact, backend: str, threads: int) -> int:
    """Import the runtime, then open; nanoseconds that opening took. Raises as the runner does."""
    close()
    kind.preload()
    runner = kind(artifact, backend, threads)
    start = time.perf_counter_ns()
    runner.__enter__()
    spent = time.perf_counter_ns() - start
    _open.append(runner)
    elsewhere = runner.load_ns()
    return spent if elsewhere is None else elsewhere


def feed(image: NDArray[np.uint8]) -> None:
    """Hand over a picture."""
    _open[0]._feed(image)


def invoke() -> None:
    """One inference."""
    _open[0]._invoke()


def invoke_timed() -> int:
    """One inference; its nanoseconds, as the runtime's own runner takes them."""
    return _open[0]._invoke_timed()


def invoke_block(count: int) -> list[int]:
    """One inference that is not recorded, then `count`; their nanoseconds."""
    return _open[0]._invoke_block(count)


def fetch() -> NDArray[Any]:
    """The raw answer."""
    return _open[0]._fetch()


def operation_times(runs: int) -> list[OperationTime]:
    """Every call of every operation."""
    return list(_open[0]._operation_times(runs))


def count_instructions(image: NDArray[np.uint8]) -> InstructionCount:
    """Instructions of one inference."""
    return _open[0].count_instructions(image)


def benchmark(image: NDArray[np.uint8], settings: LatencySettings) -> OwnBenchmark:
    """What the runtime's own benchmark tells."""
    return _open[0].benchmark(image, settings)


def last_words() -> LastWords:
    """What it knows so far."""
    return LastWords(_open[0].native_agreement(), _open[0].delegation())


def undelegated() -> dict[str, int] | None:
    """What the runtime's delegate did not take."""
    return _open[0].undelegated()


def close() -> LastWords:
    """Release what is open, if anything is."""
    if not _open:
        return LastWords()
    words = last_words()
    _open.pop().__exit__(None, None, None)
    return words
