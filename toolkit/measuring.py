"""From artifacts to results: which runtimes run what, the float reference, and every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from converters import Artifact, ImageInput, Layout, MapOutput, ModelSource, OutputKind
from toolkit.config import RunOptions
from toolkit.errors import UsageError, unknown
from toolkit.progress import Progress
from toolkit.run_folder import RunFolder

if TYPE_CHECKING:
    from segdata import Dataset
    from validation.latency import LatencySettings
    from validation.measure import Measurements, Reference
    from validation.pieces import PieceStore
    from validation.result import RunResult
    from validation.runner import Runner


_MANY_SAMPLES = 20
"""Who asks for fewer wants a quick look: one cold start will do."""


@dataclass(frozen=True)
class Runtime:
    """A runner and one of its backends."""

    runner: type[Runner]
    backend: str

    @property
    def title(self) -> str:
        return f"{self.runner.name} ({self.backend})"


def choose_runtimes(options: RunOptions) -> list[Runtime]:
    """Runtimes the options name, or every default one; raises UsageError listing the known ones on a miss."""
    from validation.registry import runners

    # The reference runs the source itself, never an artifact, so it is not offered here.
    known = {name: guarded(item, options) for name, item in runners().items() if set(item.formats) & set(_formats())}
    if not options.runners:
        return [Runtime(item, item.backends[0]) for item in known.values() if item.in_default_set()]
    chosen = []
    for spec in options.runners:
        name, _, backend = spec.partition(":")
        if name not in known:
            raise unknown("runner", name, known)
        if backend and backend not in known[name].backends:
            raise unknown(f"backend of {name}", backend, known[name].backends)
        chosen.append(Runtime(known[name], backend or known[name].backends[0]))
    return chosen


def every_runtime() -> list[str]:
    """``name:backend`` of all there are for artifacts, as `--runners` takes them."""
    from validation.registry import runners

    known = [item for item in runners().values() if set(item.formats) & set(_formats())]
    return [f"{item.name}:{backend}" for item in known for backend in item.backends]


def named_runners(options: RunOptions) -> tuple[str, ...]:
    """Runtimes that the user has picked, as he wrote them; none where he took the default or all there are."""
    return () if set(options.runners) == set(every_runtime()) else options.runners


def absent_runners(options: RunOptions) -> list[str]:
    """Titles of those among the picked runtimes that cannot be used on this machine."""
    if not named_runners(options):
        return []
    return [item.title for item in choose_runtimes(options) if not item.runner.availability(item.backend).ok]


def guarded(kind: type[Runner], options: RunOptions) -> type[Runner]:
    """The runner in a process of its own, within the options' limits, unless they say otherwise."""
    from toolkit.isolation.limits import Limits
    from toolkit.isolation.runtimes import isolated

    return isolated(kind, Limits.of(options.time_limit, options.memory_limit)) if options.isolate else kind


def _formats() -> tuple[str, ...]:
    from converters import converters

    return tuple(converters())


def reference_runner(source: ModelSource, options: RunOptions) -> Runner:
    """The float reference: the torch module, or for an ONNX source the file itself in ONNX Runtime. Not open."""
    from validation.runners.onnxruntime import OnnxRuntimeRunner
    from validation.runners.reference import TorchRunner, torch_artifact

    image = ImageInput("image", *source.input_size, source.pixel_range, Layout.NCHW, channels=source.channels)
    output = MapOutput("logits", *source.output_size, len(source.classes), OutputKind.LOGITS, Layout.NCHW)
    if source.module is not None:
        artifact = torch_artifact(
            source.module,
            name=source.name,
            image=image,
            output=output,
            classes=source.classes,
            weights_sha256=source.weights_sha256,
        )
        return TorchRunner(artifact, threads=options.threads)
    assert source.onnx_path is not None  # ModelSource guarantees one of the two
    from converters.onnx_sources.reading import describe_onnx

    described = describe_onnx(source.onnx_path)
    return OnnxRuntimeRunner(
        Artifact(
            name=source.name,
            format="onnx",
            recipe="float32",
            path=source.onnx_path,
            sha256=source.weights_sha256,
            size_bytes=source.onnx_path.stat().st_size,
            key=source.weights_sha256,
            classes=source.classes,
            image=dataclasses.replace(image, name=described.input_name),
            output=MapOutput(
                described.output_name, *source.output_size, len(source.classes), OutputKind.LOGITS, Layout.NCHW
            ),
        ),
        threads=options.threads,
    )


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
    from validation.latency import LatencySettings

    if options.latency_samples == 0:
        return None
    return LatencySettings(
        samples=options.latency_samples,
        min_samples=min(3, options.latency_samples),
        cold_starts=3 if options.latency_samples >= _MANY_SAMPLES else 1,
    )


def kept_counts(folder: RunFolder) -> PieceStore:
    """Where a validation keeps what it counted, so that it continues after being killed."""
    from validation.pieces import PieceStore

    return PieceStore(folder.cache / "pieces")


def measure_float_reference(
    source: ModelSource, dataset: Dataset, options: RunOptions, folder: RunFolder, progress: Progress
) -> Reference:
    """Show every judging picture to the float reference; its label maps go to the folder's cache."""
    from validation.matrices import MatrixStore
    from validation.measure import measure_reference

    runner = reference_runner(source, options)
    title, maps = f"float reference in {runner.name}", "reference.npy"
    if source.sizes:
        height, width = source.output_size
        title, maps = f"{title} at {height} x {width}", f"reference-{height}x{width}.npy"
    with counted(progress, title, len(dataset)) as tell:
        found = measure_reference(
            runner,
            dataset,
            folder.cache / maps,
            progress=tell,
            judge_at=options.judge_at,
            workers=options.workers,
            store=kept_counts(folder),
        )
    MatrixStore(folder.matrices, dataset.digest()).save_reference(source.weights_sha256, found.accuracy)
    return found


def measure_references(
    source: ModelSource, dataset: Dataset, options: RunOptions, folder: RunFolder, progress: Progress
) -> dict[tuple[int, int], Reference]:
    """The float reference at every output size of the source, by (height, width)."""
    return {
        one.output_size: measure_float_reference(
            dataclasses.replace(one, sizes=source.sizes and (one,)), dataset, options, folder, progress
        )
        for one in source.sizes or (source,)
    }


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
    """The accuracy of every planned run, in their order; time and memory are measured apart, in `toolkit.timing`.

    `references` are the float reference by output size; without them there is nothing to compare with.
    """
    from validation.measure import measure_run
    from validation.workers import release_workers

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
