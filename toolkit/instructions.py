"""Runs completed with the instructions that an inference executes, from runtimes that count them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.config import RunOptions
from toolkit.measuring import PlannedRun
from toolkit.progress import Progress

if TYPE_CHECKING:
    from validation.measure import Measurements
    from validation.result import RunResult


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
    from validation.measure import unavailable

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
