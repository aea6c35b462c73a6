"""Measure the float reference that every artifact is compared with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from converters import Artifact, ImageInput, Layout, MapOutput, ModelSource, OutputKind
from converters.onnx_sources.reading import describe_onnx
from toolkit.options import RunOptions
from toolkit.stages.accuracy import stage_by_count
from toolkit.stages.context import Context
from validation.runners.onnxruntime import OnnxRuntimeRunner
from validation.runners.reference import TorchRunner, torch_artifact

if TYPE_CHECKING:
    from validation.measure import Reference
    from validation.runners.base.contract import Runner


def reference_runner(source: ModelSource, options: RunOptions) -> Runner:
    """Bind the float reference: the torch module, or for an ONNX source the file itself in ONNX Runtime. Not open."""
    image = ImageInput("image", *source.input_size, source.pixel_range, Layout.NCHW, channels=source.channels)
    size, scores = source.output_size, source.meaning.scores
    output = MapOutput("logits", *size, len(source.classes), OutputKind.LOGITS, Layout.NCHW, scores=scores)
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
            output=dataclasses.replace(output, name=described.output_name),
        ),
        threads=options.threads,
    )


def measure_references(context: Context) -> dict[tuple[int, int], Reference]:
    """Measure the float reference at every output size of the source; gives them by (height, width)."""
    source = context.source
    return {
        one.output_size: _measured(context, dataclasses.replace(one, sizes=source.sizes and (one,)))
        for one in source.sizes or (source,)
    }


def _measured(context: Context, source: ModelSource) -> Reference:
    """Show every judging picture to the float reference; its label maps go to the folder's cache."""
    from validation.measure import measure_reference

    what, runner = context.what, reference_runner(source, context.options)
    title, maps = f"float reference in {runner.name}", "reference.npy"
    if source.sizes:
        height, width = source.output_size
        title, maps = f"{title} at {height} x {width}", f"reference-{height}x{width}.npy"
    with stage_by_count(context.progress, title, len(context.dataset)) as tell:
        found = measure_reference(
            runner,
            context.dataset,
            context.folder.cache / maps,
            progress=tell,
            judge_at=what.judge_at,
            workers=what.workers,
            store=what.store,
        )
    if what.matrices is not None:
        what.matrices.save_reference(source.weights_sha256, found.accuracy)
    return found
