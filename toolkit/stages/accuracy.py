"""From artifacts to results: which runtimes run what, the float reference, and every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from converters import Artifact, ModelSource
from toolkit.errors import UsageError
from toolkit.options import RunOptions
from toolkit.progress import Progress
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.runtimes import Runtime, choose_runtimes

if TYPE_CHECKING:
    from validation.accuracy.pieces import PieceStore
    from validation.measure import Measurements, Reference
    from validation.results.latency import LatencySettings
    from validation.results.run import RunResult
    from validation.runners.base.contract import Runner


_MANY_SAMPLES = 20
"""Who asks for fewer wants a quick look: one cold start will do."""


def with_sizes(artifacts: Sequence[Artifact], source: ModelSource) -> list[Artifact]:
    """Artifacts opened at the source's default size, with the signatures of its sizes; those with one size as they are.

    Raises:
        UsageError: an artifact for several sizes lacks one of them, or no artifact has several although the source has.
    """
    if not source.sizes:
        return [artifact.at(source.output_size) if artifact.signatures else artifact for artifact in artifacts]
    if not any(artifact.signatures for artifact in artifacts):
        raise UsageError(
            "these artifacts answer at one size; `segport convert --again RUN --output-sizes 64,128` makes some that answer at several"
        )
    opened = [_restricted(artifact, source) if artifact.signatures else artifact for artifact in artifacts]
    return [artifact for artifact in opened if artifact.output_sizes[0] in source.output_sizes]


def _restricted(artifact: Artifact, source: ModelSource) -> Artifact:
    chosen = {artifact.at(size).signature for size in source.output_sizes}
    kept = tuple(entry for entry in artifact.signatures if entry.name in chosen)
    return dataclasses.replace(artifact.at(source.output_size), signatures=kept)


def latency_settings(options: RunOptions) -> LatencySettings | None:
    """How long to time; None if latency is not asked for."""
    from validation.results.latency import LatencySettings

    if options.latency_samples == 0:
        return None
    return LatencySettings(
        samples=options.latency_samples,
        min_samples=min(3, options.latency_samples),
        cold_starts=3 if options.latency_samples >= _MANY_SAMPLES else 1,
    )


def kept_counts(folder: RunFolder) -> PieceStore:
    """Where a validation keeps what it counted, so that it continues after being killed."""
    from validation.accuracy.pieces import PieceStore

    return PieceStore(folder.cache / "pieces")


@dataclass(frozen=True)
class PlannedRun:
    """One artifact, opened at one of its sizes, in one runtime."""

    runtime: Runtime
    view: Artifact

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the answer."""
        return (self.view.output.height, self.view.output.width)

    @property
    def title(self) -> str:
        at = f" at {self.size[0]} x {self.size[1]}" if self.view.signature else ""
        return f"{self.view.name} in {self.runtime.title}{at}"

    def runner(self, threads: int) -> Runner:
        """Bound to the artifact, not open."""
        return self.runtime.runner(self.view, self.runtime.backend, threads)


def planned_runs(artifacts: Sequence[Artifact], options: RunOptions) -> list[PlannedRun]:
    """Every artifact on every chosen runtime that takes its format, at every size it answers at."""
    runtimes = choose_runtimes(options)
    return [
        PlannedRun(runtime, artifact.at(size))
        for artifact in artifacts
        for runtime in runtimes
        if artifact.format in runtime.runner.formats
        for size in artifact.output_sizes
    ]


def measure_artifacts(
    planned: Sequence[PlannedRun],
    what: Measurements,
    options: RunOptions,
    progress: Progress,
    references: Mapping[tuple[int, int], Reference] | None = None,
) -> list[RunResult]:
    """The accuracy of every planned run, in their order; time and memory are measured apart, in `toolkit.stages.latency`.

    `references` are the float reference by output size; without them there is nothing to compare with.
    """
    from validation.accuracy.workers import release_workers
    from validation.measure import measure_run

    def judged(item: PlannedRun, tell: Callable[[int, int], None] | None = None) -> RunResult:
        compared = dataclasses.replace(what, reference=(references or {}).get(item.size), latency=None, memory=False)
        kind, backend = item.runtime.runner, item.runtime.backend
        return measure_run(kind, item.view, compared, backend=backend, threads=options.threads, progress=tell)

    if what.dataset is None:
        return [judged(item) for item in planned]
    results = []
    for item in planned:
        with counted(progress, item.title, len(what.dataset)) as tell:
            results.append(judged(item, tell))
        if results[-1].reason:
            progress.note(f"     {results[-1].status}: {results[-1].reason}")
    if what.workers > 1:
        release_workers()
    return results


def by_artifact(
    artifacts: Sequence[Artifact], planned: Sequence[PlannedRun], results: Sequence[RunResult]
) -> dict[str, tuple[RunResult, ...]]:
    """Results by artifact name, in the order of the plan; none for an artifact that no runtime takes."""
    found: dict[str, tuple[RunResult, ...]] = {artifact.name: () for artifact in artifacts}
    for item, result in zip(planned, results, strict=True):
        found[item.view.name] = (*found[item.view.name], result)
    return found


@contextmanager
def counted(progress: Progress, title: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """A stage for code that reports (done, in all)."""
    with progress.stage(title, total) as stage:
        before = 0

        def tell(done: int, _: int) -> None:
            nonlocal before
            stage.advance(done - before)
            before = done

        yield tell
