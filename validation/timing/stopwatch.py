"""Latency of one runner: cold start, warm-up until stable, then many samples; never a mean without them.

A `Stopwatch` takes one sample at a time, so that several runners can be sampled in turns and drift of the machine
hits them alike.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from validation.errors import ValidationError
from validation.results.latency import LatencyResult
from validation.runners.base.contract import Runner
from validation.runners.base.latency_settings import LatencySettings
from validation.timing.busy import OtherLoad

_NS_PER_MS = 1e6
_WINDOW = 5
"""Runs whose median is compared with the median of the runs before them."""
_STABLE = 0.05
"""Warm-up ends when the two medians differ by less than this fraction."""


class Stopwatch:
    """Times one runner, sample by sample. Use as a context manager: entering opens the runner and takes the cold run.

    Example:
        >>> with Stopwatch(runner, picture, LatencySettings()) as watch:
        ...     watch.warm_up()
        ...     while watch.wants_more():
        ...         watch.sample()
        ...     result = watch.result()
    """

    def __init__(
        self,
        runner: Runner,
        image: NDArray[np.uint8],
        settings: LatencySettings,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Prepare; `runner` must not be open yet, `image` must have its input size. `clock` gives nanoseconds."""
        self._runner = runner
        self._image = image
        self._settings = settings
        self._clock = clock
        self._stack = ExitStack()
        self._warm: list[int] = []
        self._samples: list[int] = []
        self._sampled_ns = 0
        self._stable = False

    def __enter__(self) -> Self:
        self._runner.preload()
        start = self._clock()
        self._stack.enter_context(self._runner)
        elsewhere, ours = self._runner.load_ns(), self._clock() - start
        self._load_ns = ours if elsewhere is None else elsewhere
        try:
            self._call = self._runner.timed_call(self._image)
            self._warm.append(self._call())
            self._load = OtherLoad(self._runner.process_ids())
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def warm_up(self) -> None:
        """Run until two windows of runs in a row take the same time, or the settings' bounds are reached."""
        spent = self._warm[0]
        limit = self._settings.max_warmup_seconds * 1e9
        while len(self._warm) < self._settings.max_warmup and spent < limit and not self._settled():
            self._warm.append(self._call())
            spent += self._warm[-1]
        self._stable = self._settled()

    def wants_more(self) -> bool:
        """Whether the settings ask for another sample."""
        if len(self._samples) < self._settings.min_samples:
            return True
        return len(self._samples) < self._settings.samples and self._sampled_ns < self._settings.max_seconds * 1e9

    def sample(self) -> None:
        """Time one inference."""
        start = self._clock()
        self._samples.append(self._call())
        self._sampled_ns += self._clock() - start

    @property
    def samples_ms(self) -> NDArray[np.float64]:
        """All samples so far, in milliseconds, in the order they were taken."""
        return np.asarray(self._samples, dtype=np.float64) / _NS_PER_MS

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Processes, apart from our own, that work for the open runner."""
        return self._runner.process_ids()

    def turn(self, most: int) -> None:
        """One inference that is not timed, then up to `most` that are, with nothing between them.

        After other runners had their turn, caches and waiting threads are theirs.
        """
        block = self._runner.timed_block(self._fitting(most))
        self._samples += block
        self._sampled_ns += sum(block)

    def _fitting(self, most: int) -> int:
        """How many of `most` more samples the settings ask for, if each takes as long as the one before; at least
        one."""
        taken, each = len(self._samples), max(1, (self._samples or self._warm)[-1])
        in_time = math.ceil((self._settings.max_seconds * 1e9 - self._sampled_ns) / each)
        wanted = max(self._settings.min_samples - taken, min(self._settings.samples - taken, in_time))
        return max(1, min(most, wanted))

    def result(self, other_load: float | None = None) -> LatencyResult:
        """Statistics of the samples.

        Args:
            other_load: cores that others kept busy; what was seen since entering if None.

        Raises:
            ValidationError: no sample was taken.
        """
        if not self._samples:
            raise ValidationError("no latency sample was taken; call sample() first")
        times = self.samples_ms
        p25, p50, p75, p90, p95, p99 = (float(value) for value in np.percentile(times, (25, 50, 75, 90, 95, 99)))
        other = self._load.cores() if other_load is None else other_load
        return LatencyResult(
            p50=p50,
            p90=p90,
            p95=p95,
            p99=p99,
            mean=float(times.mean()),
            min=float(times.min()),
            max=float(times.max()),
            samples=len(times),
            warmup=len(self._warm),
            stable=self._stable,
            threads=self._runner.threads if self._runner.settable_threads else None,
            load_ms=self._load_ns / _NS_PER_MS,
            first_run_ms=self._warm[0] / _NS_PER_MS,
            other_load=other,
            warning=busy_warning(other, self._runner.threads, os.cpu_count() or 1),
            iqr=p75 - p25,
        )

    def _settled(self) -> bool:
        # The cold run is no part of either window.
        if len(self._warm) < 2 * _WINDOW + 1:
            return False
        before = statistics.median(self._warm[-2 * _WINDOW : -_WINDOW])
        now = statistics.median(self._warm[-_WINDOW:])
        return abs(now - before) <= _STABLE * before


def busy_warning(other: float, threads: int, cores: int) -> str:
    """A sentence if other processes left fewer cores than `threads` or kept half a core busy, else empty."""
    if other < 0.5 and other + min(threads, cores) <= cores + 0.1:
        return ""
    return (
        f"other processes kept {other:.1f} of {cores} cores busy during the measurement; "
        "close them and measure again for figures to rely on"
    )


def measure_latency(runner: Runner, image: NDArray[np.uint8], settings: LatencySettings | None = None) -> LatencyResult:
    """Open `runner` (which must be closed), warm it up, sample it and close it again.

    Args:
        runner: bound to its artifact, not open; its load time is measured.
        image: uint8 RGB of the artifact's input size.
        settings: bounds; the defaults if None.

    Raises:
        RunnerError: the runtime cannot be used here or failed.
        ValidationError: `image` has the wrong size.
    """
    if runner.benchmarks_itself:
        with runner:
            return runner.benchmark(image, settings or LatencySettings()).latency
    with Stopwatch(runner, image, settings or LatencySettings()) as watch:
        watch.warm_up()
        while watch.wants_more():
            watch.sample()
        return watch.result()
