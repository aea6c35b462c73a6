"""What a saved .mlpackage says of itself: nothing is assumed from what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from converters.artifact import ImageInput, Layout, MapOutput, OutputKind
from converters.contract import Written
from converters.errors import ConversionError
from converters.formats.coreml.file.program import read_program
from converters.source import ModelSource

RGB = 3
"""Channels of what Core ML calls a picture; other pictures go in as tensors."""


def read_back(path: Path, source: ModelSource, kind: OutputKind) -> Written:
    """Input, output and operators of the package; raises ConversionError if it is not the interface promised."""
    program = read_program(path)
    if len(program.inputs) != 1 or len(program.outputs) != 1:
        raise ConversionError(f"the written package has {len(program.inputs)} inputs, {len(program.outputs)} outputs")
    image, answer = program.inputs[0], program.outputs[0]
    as_picture = source.channels == RGB
    if (image.kind == "picture") != as_picture or image.shape != _described(source, source.input_size):
        raise ConversionError(
            f"the written package takes {image.words()} instead of a picture {source.picture_shape()}"
        )
    if set(image.allowed) != {_described(source, size) for size in source.input_shapes}:
        raise ConversionError(f"the written package takes {image.words()} instead of {source.input_shapes}")
    labels = kind is OutputKind.LABELS
    wanted = (1, *source.output_size) if labels else (1, len(source.classes), *source.output_size)
    # An answer whose size follows the picture's is described without sizes.
    if answer.shape != wanted and (answer.shape or not source.input_shapes):
        raise ConversionError(f"the written package answers {answer.words()} instead of {wanted}")
    return Written(
        image=ImageInput(
            image.name,
            *source.input_size,
            source.pixel_range,
            Layout.NCHW,
            dtype="uint8" if as_picture else "float32",
            as_picture=as_picture,
            channels=source.channels,
        ),
        output=MapOutput(answer.name, *source.output_size, len(source.classes), kind, Layout.NCHW, dtype=answer.dtype),
        provenance={
            "specification_version": str(program.specification_version),
            "operators": _counted(program.operators),
            "weights": ", ".join(f"{dtype} {size} bytes" for dtype, size in sorted(program.bytes_by_dtype.items())),
        },
    )


def _described(source: ModelSource, size: tuple[int, int]) -> tuple[int, ...]:
    """How a file states a size: a picture by height and width, a tensor by all its axes."""
    return size if source.channels == RGB else source.picture_shape(size)


def _counted(operators: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(operators.items()))
