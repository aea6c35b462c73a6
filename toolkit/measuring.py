"""From artifacts to results: which runtimes run what, the float reference, and every run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    with counted(progress, f"float reference in {runner.name}", len(dataset)) as tell:
        return measure_reference(
            runner, dataset, folder.cache / "reference.npy", latency=latency_settings(options), progress=tell
        )


def measure_artifacts(
    artifacts: Sequence[Artifact], what: Measurements, options: RunOptions, progress: Progress
) -> dict[str, tuple[RunResult, ...]]:
    """Every artifact on every chosen runtime that takes its format, by artifact name."""
    from validation.measure import measure_run

    runtimes = choose_runtimes(options)
    results: dict[str, tuple[RunResult, ...]] = {}
    pictures = 0 if what.dataset is None else len(what.dataset)
    for artifact in artifacts:
        found = []
        for runtime in (item for item in runtimes if artifact.format in item.runner.formats):
            with counted(progress, f"{artifact.name} in {runtime.title}", pictures) as tell:
                found.append(
                    measure_run(
                        runtime.runner,
                        artifact,
                        what,
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
