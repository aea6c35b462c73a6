"""Hold what all stages of one command go by: decided once, before the first of them begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from converters import Artifact, ModelSource
from toolkit.errors import UsageError
from toolkit.options import RunOptions
from toolkit.progress import Progress
from toolkit.run_folder.folder import RunFolder, trusted_artifacts
from toolkit.stages.runtimes import Runtime
from validation.runners.base.latency_settings import LatencySettings

if TYPE_CHECKING:
    from segdata import Dataset
    from validation.measure import Measurements
    from validation.runners.base.contract import Runner


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
        """The run in the words of progress."""
        at = f" at {self.size[0]} x {self.size[1]}" if self.view.signature else ""
        return f"{self.view.name} in {self.runtime.title}{at}"

    def runner(self, threads: int) -> Runner:
        """Bind the runtime to the artifact; not open."""
        return self.runtime.runner(self.view, self.runtime.backend, threads)


@dataclass(frozen=True)
class Context:
    """What the stages of one command share.

    Attributes:
        options: of the user.
        progress: where stages tell how far they are.
        folder: of the run.
        source: the float network.
        what: what to measure, and with which pictures.
        runtimes: those that the options choose.
        manifest: what was converted, and how.
        artifacts: of the manifest, opened at the output sizes of the source.
    """

    options: RunOptions
    progress: Progress
    folder: RunFolder
    source: ModelSource
    what: Measurements
    runtimes: tuple[Runtime, ...] = ()
    manifest: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()

    @cached_property
    def planned(self) -> list[PlannedRun]:
        """Every artifact on every runtime that takes its format, at every size it answers at."""
        return [
            PlannedRun(runtime, artifact.at(size))
            for artifact in self.artifacts
            for runtime in fitting(self.runtimes, artifact)
            for size in artifact.output_sizes
        ]

    @property
    def dataset(self) -> Dataset:
        """The pictures that judge; there are some in every command that judges."""
        assert self.what.dataset is not None
        return self.what.dataset


def context_of(
    options: RunOptions,
    progress: Progress,
    folder: RunFolder,
    source: ModelSource,
    what: Measurements,
    runtimes: tuple[Runtime, ...],
    manifest: Mapping[str, Any],
) -> Context:
    """Open the artifacts of a folder that is claimed, and put everything together.

    Raises:
        UsageError: a file is gone or is not the one that was converted, or has not the sizes of the source.
    """
    artifacts = with_sizes(trusted_artifacts(folder, manifest), source)
    return Context(options, progress, folder, source, what, runtimes, manifest, artifacts)


def fitting(runtimes: Sequence[Runtime], artifact: Artifact) -> list[Runtime]:
    """Keep the runtimes that take the artifact's format."""
    return [runtime for runtime in runtimes if artifact.format in runtime.runner.formats]


def to_judge(options: RunOptions, folder: RunFolder, dataset: Dataset) -> Measurements:
    """Say what a command that judges measures: accuracy on `dataset`, and time if the options ask for it.

    What is counted is kept in the folder, so that a validation continues after being killed and runs can be compared.
    """
    from validation.accuracy.matrices import MatrixStore
    from validation.accuracy.pieces import PieceStore
    from validation.measure import Measurements

    return Measurements(
        dataset,
        latency=latency_settings(options),
        judge_at=options.judge_at,
        workers=options.workers,
        store=PieceStore(folder.cache / "pieces"),
        matrices=MatrixStore(folder.matrices, dataset.digest()),
    )


def to_time(options: RunOptions, dataset: Dataset) -> Measurements:
    """Say what a command that only times measures, with the first picture of `dataset`.

    Raises:
        UsageError: the options ask for no samples.
    """
    from validation.measure import Measurements

    settings = latency_settings(options)
    if settings is None:
        raise UsageError("bench with --latency-samples 0 measures nothing; give 1 or more")
    return Measurements(dataset=None, latency=settings, picture=dataset[0].image)


def latency_settings(options: RunOptions) -> LatencySettings | None:
    """Say how long to time; None if latency is not asked for."""
    return LatencySettings.asked(options.latency_samples) if options.latency_samples else None


def with_sizes(artifacts: Sequence[Artifact], source: ModelSource) -> tuple[Artifact, ...]:
    """Open artifacts at the source's default size, with the signatures of its sizes; those with one size as they are.

    Raises:
        UsageError: an artifact for several sizes lacks one of them, or no artifact has several although the source has.
    """
    if not source.sizes:
        return tuple(artifact.at(source.output_size) if artifact.signatures else artifact for artifact in artifacts)
    if not any(artifact.signatures for artifact in artifacts):
        raise UsageError(
            "these artifacts answer at one size; `segport convert --again RUN --output-sizes 64,128` makes some that"
            " answer at several"
        )
    opened = [_restricted(artifact, source) if artifact.signatures else artifact for artifact in artifacts]
    return tuple(artifact for artifact in opened if artifact.output_sizes[0] in source.output_sizes)


def _restricted(artifact: Artifact, source: ModelSource) -> Artifact:
    chosen = {artifact.at(size).signature for size in source.output_sizes}
    kept = tuple(entry for entry in artifact.signatures if entry.name in chosen)
    return dataclasses.replace(artifact.at(source.output_size), signatures=kept)
