"""Runs completed with the instructions that an inference executes, from runtimes that count them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantization.recipes import is_quantized
from toolkit.options import RunOptions
from toolkit.progress import Progress
from toolkit.stages.accuracy import PlannedRun

if TYPE_CHECKING:
    from validation.measure import Measurements
    from validation.results.run import RunResult


def with_instructions(
    planned: Sequence[PlannedRun],
    results: Sequence[RunResult],
    what: Measurements,
    options: RunOptions,
    progress: Progress,
) -> list[RunResult]:
    """`results` with what one inference of one picture executes; each in a process that has done nothing before.

    A count that fails is told and left out; `segport compare` then says that the run lost it.
    """
    from validation.errors import RunnerError
    from validation.runners.base.contract import unavailable

    counting = [item.runtime.runner.counts_instructions for item in planned]
    if not any(counting):
        return list(results)
    counted = list(results)
    with progress.stage("instructions", sum(counting)) as stage:
        for place, item in enumerate(planned):
            runner = item.runner(options.threads)
            if not counting[place]:
                continue
            if not unavailable(runner) and results[place].status != "failed":
                try:
                    with runner:
                        found = runner.count_instructions(what.picture_for(runner.artifact)).to_json()
                except RunnerError as error:
                    progress.note(f"     {item.title} was not counted: {error}")
                else:
                    counted[place] = dataclasses.replace(results[place], instructions=found)
            stage.advance()
    return counted


def with_kernels(
    planned: Sequence[PlannedRun], results: Sequence[RunResult], options: RunOptions, progress: Progress
) -> list[RunResult]:
    """`results` with the operations that no delegate took, for quantized artifacts that were timed here."""
    from validation.errors import RunnerError

    told = []
    for item, result in zip(planned, results, strict=True):
        runner = item.runner(options.threads)
        if result.latency_ms is None or not is_quantized(runner.artifact.recipe):
            told.append(result)
            continue
        try:
            with runner:
                undelegated = runner.undelegated()
        except RunnerError as error:
            # What it says of its kernels explains a figure and decides none; the figure stands.
            progress.note(f"     {item.title} does not tell its kernels: {error}")
            undelegated = None
        told.append(dataclasses.replace(result, undelegated=undelegated))
    return told


def with_operations(
    planned: Sequence[PlannedRun],
    results: Sequence[RunResult],
    what: Measurements,
    options: RunOptions,
    progress: Progress,
) -> list[RunResult]:
    """`results` with the times of single operations, if the options ask for them and a runtime can be used here."""
    from validation.runners.base.contract import unavailable
    from validation.timing.runs import profile_operations

    if not options.per_op or what.latency is None:
        return list(results)
    profiled = []
    with progress.stage("single operations", len(planned)) as stage:
        for item, result in zip(planned, results, strict=True):
            runner = item.runner(options.threads)
            if unavailable(runner):
                profiled.append(result)
            else:
                found = profile_operations(runner, what.picture_for(runner.artifact))
                profiled.append(dataclasses.replace(result, per_op=found))
            stage.advance()
    return profiled
