"""Weigh what quantizing gained on the runtime at hand. An artifact that is neither smaller nor faster than the
float one is of no use.

Times are compared within one runtime, backend, number of threads and machine only, and only as far as their spread
allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from validation.results.naming import title_of
from validation.verdict import wording
from validation.verdict.judge import Reason, VerdictStatus
from validation.verdict.judged_run import JudgedRun, MeasuredTime

LEAST_SAVED = 0.01
"""Share of the float file's bytes that must be saved for a file to count as smaller."""
LEAST_DIFFERENCE = 0.03
"""Share of the float artifact's median time below which two times are the same."""
DRIFTED = 0.10
"""The same where times were not sampled in turns with each other, or their spread is not known."""
MOST_NOISE = 0.15
"""With an uncertainty beyond this share of the float artifact's time, nothing is said of which is faster."""
SHORTEST_MS = 0.1
"""Two medians below it are those of calling the runtime rather than of the network, and say nothing of which is
faster.
"""
ABOUT = "gain in "


class Speed(Enum):
    """Of a quantized artifact against the float one."""

    FASTER = "faster"
    SAME = "as fast"
    SLOWER = "slower"
    UNKNOWN = "unknown"
    """Too noisy, too short, or the machine was busy."""


@dataclass(frozen=True)
class Weighed:
    """An artifact as far as its gain is concerned.

    Attributes:
        name: of the artifact.
        size_bytes: of its file.
        runs: with and without a latency.
    """

    name: str
    size_bytes: int
    runs: Sequence[JudgedRun]


def payoff(quantized: Weighed, plain: Weighed) -> tuple[Reason, ...]:
    """Give what quantizing gained, as reasons of a verdict; empty if no runtime timed both.

    FAIL: no smaller file, and no runtime of a machine in which it is faster. PASS with a sentence: smaller, but slower.
    NOT_RUN: no smaller file, and times that allow no judgement. An artifact that pays gets no sentence.
    """
    found: list[Reason] = []
    for machine in sorted({run.machine for run in quantized.runs}):
        pairs = [(run, other) for run in quantized.runs if run.machine == machine and (other := _peer(run, plain.runs))]
        found += _on_machine(quantized, plain, pairs)
    return tuple(found)


def compared(quantized: MeasuredTime, plain: MeasuredTime) -> Speed:
    """Hold medians against each other; the uncertainty of their difference is twice its standard error.

    The standard error of a median of n samples of a normal distribution is 1.2533 sigma / sqrt(n), and sigma is IQR /
    1.349 (Kendall and Stuart, The Advanced Theory of Statistics, vol. 1, 10.10).
    """
    if quantized.warning or plain.warning or max(quantized.p50, plain.p50) < SHORTEST_MS:
        return Speed.UNKNOWN
    noise = 2 * math.hypot(_standard_error(quantized), _standard_error(plain))
    in_turns = quantized.iqr is not None and plain.iqr is not None and quantized.group == plain.group
    tolerance = max(noise, plain.p50 * (LEAST_DIFFERENCE if in_turns else DRIFTED))
    difference = quantized.p50 - plain.p50
    if abs(difference) > tolerance:
        return Speed.FASTER if difference < 0 else Speed.SLOWER
    return Speed.UNKNOWN if noise > MOST_NOISE * plain.p50 else Speed.SAME


def _on_machine(quantized: Weighed, plain: Weighed, pairs: Sequence[tuple[JudgedRun, JudgedRun]]) -> list[Reason]:
    speeds = [_speed(run, other) for run, other in pairs]
    smaller = quantized.size_bytes < plain.size_bytes * (1 - LEAST_SAVED)
    if not pairs or (not smaller and Speed.FASTER in speeds):
        return []
    found = []
    for (run, other), speed in zip(pairs, speeds, strict=True):
        about, facts = f"{ABOUT}{title_of(run)}", _facts(run, other, quantized, plain)
        if smaller and speed is Speed.SLOWER:
            found.append(Reason(about, VerdictStatus.PASS, wording.slower(run, facts)))
        elif not smaller and speed is Speed.UNKNOWN:
            found.append(Reason(about, VerdictStatus.NOT_RUN, wording.too_noisy(run, facts)))
        elif not smaller and Speed.UNKNOWN not in speeds:
            found.append(Reason(about, VerdictStatus.FAIL, wording.gains_nothing(run, facts)))
    return found


def _facts(run: JudgedRun, other: JudgedRun, quantized: Weighed, plain: Weighed) -> wording.GainFacts:
    times = [math.nan if one.latency_ms is None else one.latency_ms.p50 for one in (run, other)]
    return wording.GainFacts(quantized.size_bytes / plain.size_bytes, times[0], times[1], plain.name)


def _peer(run: JudgedRun, others: Sequence[JudgedRun]) -> JudgedRun | None:
    """Find the float run that was timed in the same way; None if either was not timed."""
    if run.latency_ms is None:
        return None
    timed = [other for other in others if other.latency_ms is not None]
    return next((other for other in timed if _setting(other) == _setting(run)), None)


def _setting(run: JudgedRun) -> tuple[object, ...]:
    return run.runner, run.backend, run.threads, run.machine, run.output_size


def _speed(run: JudgedRun, other: JudgedRun) -> Speed:
    if run.latency_ms is None or other.latency_ms is None:
        return Speed.UNKNOWN
    return compared(run.latency_ms, other.latency_ms)


def _standard_error(latency: MeasuredTime) -> float:
    return 1.2533 * (latency.iqr or 0.0) / 1.349 / math.sqrt(latency.samples)
