"""Complete runs with what tells where their time goes: single operations, kernels, executed instructions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantization.recipes import is_quantized
from toolkit.stages.context import Context
from validation.errors import RunnerError
from validation.runners.base.contract import unavailable
from validation.timing.runs import profile_operations

if TYPE_CHECKING:
    from validation.results.run import RunResult


def profiled(context: Context, results: Sequence[RunResult]) -> list[RunResult]:
    """Complete timed runs with operations if asked for, with slow kernels, and with instructions where they are
    counted.
    """
    return with_instructions(context, with_kernels(context, with_operations(context, results)))


def with_instructions(context: Context, results: Sequence[RunResult]) -> list[RunResult]:
    """Count what one inference of one picture executes; each in a process that has done nothing before.

    A count that fails is told and left out; `segport compare` then says that the run lost it.
    """
    planned, progress = context.planned, context.progress
    counting = [item.runtime.runner.counts_instructions for item in planned]
    if not any(counting):
        return list(results)
    counted = list(results)
    with progress.stage("instructions", sum(counting)) as stage:
        for place, item in enumerate(planned):
            runner = item.runner(context.options.threads)
            if not counting[place]:
                continue
            if not unavailable(runner) and results[place].status != "failed":
                try:
                    with runner:
                        found = runner.count_instructions(context.what.picture_for(runner.artifact)).to_json()
                except RunnerError as error:
                    progress.note(f"     {item.title} was not counted: {error}")
                else:
                    counted[place] = dataclasses.replace(results[place], instructions=found)
            stage.advance()
    return counted


def with_kernels(context: Context, results: Sequence[RunResult]) -> list[RunResult]:
    """Name the operations that no delegate took, for quantized artifacts that were timed here."""
    told = []
    for item, result in zip(context.planned, results, strict=True):
        runner = item.runner(context.options.threads)
        if result.latency_ms is None or not is_quantized(runner.artifact.recipe):
            told.append(result)
            continue
        try:
            with runner:
                undelegated = runner.undelegated()
        except RunnerError as error:
            # What it says of its kernels explains a figure and decides none; the figure stands.
            context.progress.note(f"     {item.title} does not tell its kernels: {error}")
            undelegated = None
        told.append(dataclasses.replace(result, undelegated=undelegated))
    return told


def with_operations(context: Context, results: Sequence[RunResult]) -> list[RunResult]:
    """Time single operations, if the options ask for them and a runtime can be used here."""
    if not context.options.per_op or context.what.latency is None:
        return list(results)
    timed = []
    with context.progress.stage("single operations", len(results)) as stage:
        for item, result in zip(context.planned, results, strict=True):
            runner = item.runner(context.options.threads)
            if unavailable(runner):
                timed.append(result)
            else:
                found = profile_operations(runner, context.what.picture_for(runner.artifact))
                timed.append(dataclasses.replace(result, per_op=found))
            stage.advance()
    return timed
