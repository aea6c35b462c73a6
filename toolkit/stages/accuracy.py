"""Measure the accuracy of every planned run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolkit.progress import Progress
from toolkit.stages.context import Context, PlannedRun

if TYPE_CHECKING:
    from validation.measure import Reference
    from validation.results.run import RunResult


def measure_accuracy(
    context: Context, references: Mapping[tuple[int, int], Reference] | None = None
) -> list[RunResult]:
    """Judge every planned run, in their order; time and memory are measured apart, in `toolkit.stages.latency`.

    `references` are the float reference by output size; without them there is nothing to compare with.
    """
    from validation.accuracy.workers import release_workers
    from validation.measure import measure_run

    what, progress = context.what, context.progress

    def judged(item: PlannedRun, tell: Callable[[int, int], None] | None = None) -> RunResult:
        compared = dataclasses.replace(what, reference=(references or {}).get(item.size), latency=None, memory=False)
        kind, backend = item.runtime.runner, item.runtime.backend
        return measure_run(kind, item.view, compared, backend=backend, threads=context.options.threads, progress=tell)

    if what.dataset is None:
        return [judged(item) for item in context.planned]
    results = []
    for item in context.planned:
        with stage_by_count(progress, item.title, len(what.dataset)) as tell:
            results.append(judged(item, tell))
        if results[-1].reason:
            progress.note(f"     {results[-1].status}: {results[-1].reason}")
    if what.workers > 1:
        release_workers()
    return results


def by_artifact(context: Context, results: Sequence[RunResult]) -> dict[str, tuple[RunResult, ...]]:
    """Sort results by artifact name, in the order of the plan; none for an artifact that no runtime takes."""
    found: dict[str, tuple[RunResult, ...]] = {artifact.name: () for artifact in context.artifacts}
    for item, result in zip(context.planned, results, strict=True):
        found[item.view.name] = (*found[item.view.name], result)
    return found


@contextmanager
def stage_by_count(progress: Progress, title: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """Open a stage for code that reports (done, in all)."""
    with progress.stage(title, total) as stage:
        before = 0

        def tell(done: int, _: int) -> None:
            nonlocal before
            stage.advance(done - before)
            before = done

        yield tell
