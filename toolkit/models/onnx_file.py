"""ONNX files: one NCHW picture in, one NCHW map of logits out."""

from __future__ import annotations

from pathlib import Path

from converters import ModelSource, PixelRange, content_hash
from toolkit.config import RunOptions
from toolkit.errors import UsageError
from toolkit.models.naming import class_names, palette

ADAPTING = ("mean", "std", "channel_order", "model_layout", "upsample", "answer", "output_size")
"""Options that put something around a network."""


def from_onnx(path: Path, options: RunOptions) -> ModelSource:
    """Describe the file; raises SourceError, UsageError (options it cannot honour) or MissingToolError."""
    foreign = options.given(*ADAPTING)
    if foreign:
        raise UsageError(
            f"--{foreign[0].replace('_', '-')} is for torch networks; an ONNX file is taken as it is, so put it into the graph "
            "when you export it"
        )
    from converters.onnx_source import describe_onnx

    described = describe_onnx(path)
    classes = class_names(options, described.classes, described.class_names)
    return ModelSource(
        name=path.stem,
        classes=classes,
        colours=palette(len(classes)),
        input_size=described.input_size,
        output_size=described.output_size,
        pixel_range=PixelRange(options.pixel_range),
        parameters=described.parameters,
        weights_sha256=content_hash(path),
        origin=str(path),
        onnx_path=path,
    )
