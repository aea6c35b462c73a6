"""Measure time and memory of everything in a run, the float reference included, sampled in turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from toolkit.document.run_shape import Latency
from toolkit.document.shape import ReferenceEntry
from toolkit.stages.accuracy import stage_by_count
from toolkit.stages.context import Context
from toolkit.stages.reference import reference_runner
from validation.errors import RunnerError
from validation.runners.base.contract import unavailable
from validation.timing.runs import Subject, start_fresh, time_runs

if TYPE_CHECKING:
    from validation.measure import Reference
    from validation.results.latency import LatencyResult
    from validation.results.run import RunResult

ReferenceTimes = dict[tuple[int, int], "LatencyResult"]
"""Latency of the float reference by output size."""


def time_everything(context: Context, results: Sequence[RunResult]) -> tuple[list[RunResult], ReferenceTimes]:
    """Complete `results` with time and memory, and give the time of the float reference at every output size of the
    source.

    Raises:
        RunnerError: the float reference failed; without it there is nothing to compare with.
    """
    what, progress, planned = context.what, context.progress, context.planned
    if what.latency is None:
        return list(results), {}
    source = context.source
    sources = {one.output_size: reference_runner(one, context.options) for one in source.sizes or (source,)}
    runners = [item.runner(context.options.threads) for item in planned]
    usable = [number for number, runner in enumerate(runners) if not unavailable(runner)]
    subjects = [Subject(runner, what.picture_for(runner.artifact), memory=False) for runner in sources.values()]
    subjects += [
        Subject(runners[number], what.picture_for(runners[number].artifact), context.options.thread_sweep, what.memory)
        for number in usable
    ]
    samples = what.latency.samples * sum(
        1 + len(one.other_threads)
        for one in subjects
        if not (one.runner.latency_reason(one.runner.backend) or one.runner.benchmarks_itself)
    )
    fresh = []
    with progress.stage("cold starts and memory, in fresh processes", len(subjects)) as stage:
        for subject in subjects:
            fresh.append(start_fresh(subject, what.latency))
            stage.advance()
    with stage_by_count(progress, "latency, all in turns", samples) as tell:
        found = time_runs(subjects, fresh, what.latency, tell)
    times, timed = {}, list(results)
    for size, one in zip(sources, found[: len(sources)], strict=True):
        if one.timing.latency_ms is None:
            raise RunnerError(f"the float reference could not be timed: {one.timing.latency_reason}")
        times[size] = one.timing.latency_ms
    for number, one in zip(usable, found[len(sources) :], strict=True):
        with_time = results[number].with_timing(one.timing)
        timed[number] = dataclasses.replace(with_time, delegation=one.delegation or with_time.delegation)
        if timed[number].latency_status == "failed":
            progress.note(f"     {planned[number].title} could not be timed: {timed[number].latency_reason}")
    return timed, times


def with_times(
    references: Mapping[tuple[int, int], Reference], times: ReferenceTimes
) -> dict[tuple[int, int], Reference]:
    """Give each reference its latency."""
    return {size: dataclasses.replace(found, latency=times.get(size)) for size, found in references.items()}


def retimed(before: ReferenceEntry, times: ReferenceTimes, default: tuple[int, int]) -> ReferenceEntry:
    """Put a latency measured again into the report's `reference`."""
    again = {size: Latency.model_validate(found, from_attributes=True) for size, found in times.items()}
    entry = before.model_copy(update={"latency_ms": again[default]})
    if not before.sizes:
        return entry
    sizes = [
        item.model_copy(update={"latency_ms": again.get(item.output_size, item.latency_ms)}) for item in before.sizes
    ]
    return entry.model_copy(update={"sizes": sizes})
