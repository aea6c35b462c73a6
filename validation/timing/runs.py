"""Measure time and memory of many runs: fresh processes for cold start and peak memory, then all runners sampled in
turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from validation.errors import RunnerError
from validation.results.facts import Delegation
from validation.results.latency import LatencyResult
from validation.results.operations import PROFILED_RUNS, OperationProfile, added_up, not_profiled
from validation.results.run import Status, ThreadTime, Timing
from validation.runners.base.contract import Runner
from validation.runners.base.latency_settings import LatencySettings
from validation.timing.cold_start import FreshStart, fresh_start, no_fresh_start
from validation.timing.turns import Entrant, Progress, Timed, time_in_turns


@dataclass(frozen=True)
class Subject:
    """A run to be timed.

    Attributes:
        runner: not open.
        picture: uint8 RGB of its input size.
        threads: other thread counts to time it with as well, beside its own.
        memory: whether to measure peak memory.
    """

    runner: Runner
    picture: NDArray[np.uint8]
    threads: tuple[int, ...] = ()
    memory: bool = True

    @property
    def other_threads(self) -> tuple[int, ...]:
        """Thread counts beside the runner's own; none where the runtime does not let us choose."""
        if not self.runner.settable_threads:
            return ()
        return tuple(count for count in self.threads if count != self.runner.threads)

    def team(self, held_bytes: int | None) -> list[Entrant]:
        """Line up the runner itself, then one of each other thread count."""
        runner = self.runner
        again = [type(runner)(runner.artifact, runner.backend, count) for count in self.other_threads]
        return [Entrant(item, self.picture, held_bytes) for item in (runner, *again)]


@dataclass(frozen=True)
class TimedSubject:
    """Time and memory of one subject, and what a delegate took of it where its own benchmark told that."""

    timing: Timing
    delegation: Delegation | None = None


@dataclass(frozen=True)
class FreshStarts:
    """What fresh processes said of one subject; `starts` is empty where there is a reason."""

    starts: tuple[FreshStart, ...] = ()
    reason: str = ""

    @property
    def bytes(self) -> int | None:
        """Peak memory; None without any start."""
        return self.starts[0].bytes if self.starts else None

    @property
    def anonymous(self) -> int | None:
        """Memory that no file backs; None without any start, or where it is not told."""
        return self.starts[0].anonymous if self.starts else None

    def added_to(self, latency: LatencyResult) -> LatencyResult:
        """Give the latency its cold start: the median one of several, so that load and first run belong together."""
        if not self.starts:
            return latency
        ordered = sorted(self.starts, key=lambda start: start.load_ms + start.first_run_ms)
        middle = ordered[(len(ordered) - 1) // 2]
        return replace(
            latency,
            load_ms=middle.load_ms,
            first_run_ms=middle.first_run_ms,
            cold_start=middle.load_ms + middle.first_run_ms,
            cold_starts=len(ordered),
        )


def start_fresh(subject: Subject, settings: LatencySettings) -> FreshStarts:
    """Open the subject in as many fresh processes as its time or memory needs.

    A failure is a reason, not an exception.
    """
    timed = not subject.runner.latency_reason(subject.runner.backend)
    wanted = max(settings.cold_starts if timed else 0, int(subject.memory))
    reason = no_fresh_start(subject.runner)
    if subject.runner.benchmarks_itself:
        return FreshStarts(reason=reason)
    if reason or not wanted:
        return FreshStarts(reason=reason or "not asked for")
    try:
        return FreshStarts(tuple(fresh_start(subject.runner) for _ in range(wanted)))
    except RunnerError as error:
        return FreshStarts(reason=str(error))


def time_runs(
    subjects: Sequence[Subject],
    fresh: Sequence[FreshStarts],
    settings: LatencySettings,
    progress: Progress = lambda done, total: None,
) -> list[TimedSubject]:
    """Measure time and memory of every subject, in their order.

    A runtime that fails is a result; one whose time must not be reported is not timed.

    Args:
        subjects: what to time.
        fresh: what `start_fresh` said of each.
        settings: bounds for each.
        progress: of the sampling, see `time_in_turns`.

    Raises:
        ValidationError: a picture has the wrong size.
    """
    timed = [number for number, item in enumerate(subjects) if not item.runner.latency_reason(item.runner.backend)]
    in_turns = [number for number in timed if not subjects[number].runner.benchmarks_itself]
    teams = [subjects[number].team(fresh[number].bytes) for number in in_turns]
    answers = dict(zip(in_turns, time_in_turns(teams, settings, progress), strict=True))
    found = [_timed(subject, fresh[number], answers.get(number)) for number, subject in enumerate(subjects)]
    for number in timed:
        if subjects[number].runner.benchmarks_itself:
            found[number] = _own_benchmarks(subjects[number], settings)
    return found


def _own_benchmarks(subject: Subject, settings: LatencySettings) -> TimedSubject:
    """Ask the runtime's own benchmark with each thread count; it tells memory and delegate as well."""
    team: list[Timed] = []
    held: list[int | None] = []
    for entrant in subject.team(None):
        try:
            with entrant.runner as runner:
                found = runner.benchmark(entrant.picture, settings)
        except RunnerError as error:
            team.append(Timed(None, str(error)))
            held.append(None)
        else:
            team.append(Timed(found.latency))
            held.append(found.peak_memory_bytes)
    timing = _latency(subject, FreshStarts(), team)
    if subject.memory:
        reason = "" if held[0] is not None else team[0].reason or "its own benchmark does not tell it"
        timing = replace(timing, peak_memory_bytes=held[0], memory_reason=reason)
    return TimedSubject(timing, subject.runner.delegation())


def _timed(subject: Subject, fresh: FreshStarts, team: Sequence[Timed] | None) -> TimedSubject:
    timing = _latency(subject, fresh, team)
    if subject.memory:
        timing = replace(
            timing,
            peak_memory_bytes=fresh.bytes,
            anonymous_memory_bytes=fresh.anonymous,
            memory_reason=fresh.reason,
        )
    return TimedSubject(timing)


def _latency(subject: Subject, fresh: FreshStarts, team: Sequence[Timed] | None) -> Timing:
    """Say what sampling gave; `team` is the runner itself, then one of each other thread count."""
    runner = subject.runner
    if team is None:
        return Timing(latency_reason=runner.latency_reason(runner.backend))
    own = team[0].latency
    if own is None:
        return Timing(Status.FAILED, team[0].reason)
    sweep = () if len(team) == 1 else _sweep(subject, team)
    return Timing(Status.MEASURED, "", fresh.added_to(own), thread_sweep=sweep)


def _sweep(subject: Subject, team: Sequence[Timed]) -> tuple[ThreadTime, ...]:
    counts = (subject.runner.threads, *subject.other_threads)
    swept = [
        ThreadTime(count, reason=timed.reason)
        if (found := timed.latency) is None
        else ThreadTime(count, found.p50, found.p90, found.min, found.iqr, found.samples)
        for count, timed in zip(counts, team, strict=True)
    ]
    return tuple(sorted(swept, key=lambda item: item.threads))


def profile_operations(runner: Runner, picture: NDArray[np.uint8], runs: int = PROFILED_RUNS) -> OperationProfile:
    """Profile a runner that is not open. What cannot be profiled is a result with a reason.

    Raises:
        ValidationError: the picture has the wrong size.
    """
    reason = runner.operations_reason(runner.backend)
    if reason:
        return not_profiled(reason)
    try:
        with runner:
            recorded = list(runner.operation_times(picture, runs))
    except RunnerError as error:
        return OperationProfile("failed", str(error))
    return added_up(recorded, runs)
