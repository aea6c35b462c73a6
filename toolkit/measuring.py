"""From artifacts to results: which runtimes run what, the float reference, and every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from converters import Artifact, ImageInput, Layout, MapOutput, ModelSource, OutputKind
from toolkit.config import RunOptions
from toolkit.errors import UsageError
from toolkit.progress import Progress
from toolkit.run_folder import RunFolder

if TYPE_CHECKING:
    from segdata import Dataset
    from validation.latency import LatencySettings
    from validation.measure import Measurements, Reference
    from validation.result import RunResult
    from validation.runner import Runner


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
    from validation.runner import runners

    # The reference runs the source itself, never an artifact, so it is not offered here.
    known = {name: item for name, item in runners().items() if set(item.formats) & set(_formats())}
    if not options.runners:
        return [Runtime(item, item.backends[0]) for item in known.values() if item.in_default_set()]
    chosen = []
    for spec in options.runners:
        name, _, backend = spec.partition(":")
        if name not in known:
            raise UsageError(f"no runner is named {name!r}; choose from: {', '.join(known)}")
        if backend and backend not in known[name].backends:
            raise UsageError(f"{name} has no backend {backend!r}; choose from: {', '.join(known[name].backends)}")
        chosen.append(Runtime(known[name], backend or known[name].backends[0]))
    return chosen


def _formats() -> tuple[str, ...]:
    from converters import converters

    return tuple(converters())


def reference_runner(source: ModelSource, options: RunOptions) -> Runner:
    """The float reference: the torch module, or for an ONNX source the file itself in ONNX Runtime. Not open."""
    from validation.runners.onnxruntime import OnnxRuntimeRunner
    from validation.runners.reference import TorchRunner, torch_artifact

    image = ImageInput("image", *source.input_size, source.pixel_range, Layout.NCHW)
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
    from converters.onnx_source import describe_onnx

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
            image=ImageInput(described.input_name, *source.input_size, source.pixel_range, Layout.NCHW),
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
            "these artifacts answer at one size; run `segport convert` with --output-sizes to make some that answer at several"
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
    return LatencySettings(samples=options.latency_samples, min_samples=min(3, options.latency_samples))


def measure_float_reference(
    source: ModelSource, dataset: Dataset, options: RunOptions, folder: RunFolder, progress: Progress
) -> Reference:
    """Show every judging picture to the float reference; its label maps go to the folder's cache."""
    from validation.measure import measure_reference

    runner = reference_runner(source, options)
    title, maps = f"float reference in {runner.name}", "reference.npy"
    if source.sizes:
        height, width = source.output_size
        title, maps = f"{title} at {height} x {width}", f"reference-{height}x{width}.npy"
    with counted(progress, title, len(dataset)) as tell:
        return measure_reference(
            runner,
            dataset,
            folder.cache / maps,
            latency=latency_settings(options),
            progress=tell,
            judge_at=options.judge_at,
        )


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


def timed_reference(
    before: Mapping[str, Any], source: ModelSource, what: Measurements, options: RunOptions
) -> dict[str, Any]:
    """The report's `reference` with its latency measured again, at every output size of the source."""
    from validation.latency import LatencySettings, measure_latency

    settings = what.latency or LatencySettings()

    def timed(one: ModelSource) -> dict[str, Any]:
        runner = reference_runner(one, options)
        return measure_latency(runner, what.picture_for(runner.artifact), settings).to_json()

    times = {one.output_size: timed(one) for one in source.sizes or (source,)}
    entry = {**before, "latency_ms": times[source.output_size]}
    if source.sizes:
        entry["sizes"] = [
            {**item, "latency_ms": times.get(tuple(item["output_size"]), item["latency_ms"])}
            for item in before.get("sizes", [])
        ]
    return entry


def measure_artifacts(
    artifacts: Sequence[Artifact],
    what: Measurements,
    options: RunOptions,
    progress: Progress,
    references: Mapping[tuple[int, int], Reference] | None = None,
) -> dict[str, tuple[RunResult, ...]]:
    """Every artifact on every chosen runtime that takes its format, at every size it answers at, by artifact name.

    `references` are the float reference by output size; without them there is nothing to compare with.
    """
    from validation.measure import measure_run

    runtimes = choose_runtimes(options)
    results: dict[str, tuple[RunResult, ...]] = {}
    pictures = 0 if what.dataset is None else len(what.dataset)
    for artifact in artifacts:
        found = []
        for runtime in (item for item in runtimes if artifact.format in item.runner.formats):
            for view in (artifact.at(size) for size in artifact.output_sizes):
                size = (view.output.height, view.output.width)
                title = f"{artifact.name} in {runtime.title}" + (f" at {size[0]} x {size[1]}" if view.signature else "")
                compared = dataclasses.replace(what, reference=(references or {}).get(size))
                with counted(progress, title, pictures) as tell:
                    found.append(
                        measure_run(
                            runtime.runner,
                            view,
                            compared,
                            backend=runtime.backend,
                            threads=options.threads,
                            progress=tell,
                        )
                    )
                if found[-1].reason:
                    progress.note(f"     {found[-1].status}: {found[-1].reason}")
        results[artifact.name] = tuple(found)
    return results


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
