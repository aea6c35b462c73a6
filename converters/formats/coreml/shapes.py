"""Pictures of several sizes in one program: coremltools' EnumeratedShapes.

Core ML prepares such a program for every size it names, so that each runs as fast as a program of its own; it must be
an enumeration, since the Neural Engine takes no open range (coremltools guide, "Flexible Input Shapes").
"""

from __future__ import annotations

from typing import Any

from converters.errors import SourceError
from converters.formats.coreml.tool import coremltools
from converters.source import ModelSource

TOLERANCE = 1e-4
"""Largest difference of an answer, relative to the largest magnitude in it; a size fixed in the graph makes more."""


def picture_shape(source: ModelSource) -> Any:
    """Shape of the picture (1, 3, H, W), or all the shapes there may be with the source's own as default."""
    own = source.picture_shape()
    if not source.input_shapes:
        return own
    return coremltools().EnumeratedShapes(
        shapes=[source.picture_shape(size) for size in source.input_shapes], default=own
    )


def check_every_shape(source: ModelSource, module: Any, traced: Any) -> None:
    """Run the traced graph at every shape; raises SourceError if one fails or answers otherwise than the network."""
    import torch

    for height, width in source.input_shapes:
        generator = torch.Generator().manual_seed(0)
        picture = torch.rand(source.picture_shape((height, width)), generator=generator) * source.pixel_range.scale
        try:
            with torch.no_grad():
                expected, found = module(picture), traced(picture)
        except (RuntimeError, ValueError, IndexError) as error:
            raise _fixed(source, height, width) from error
        bound = TOLERANCE * max(1.0, float(expected.abs().max()))
        if expected.shape != found.shape or float((expected - found).abs().max()) > bound:
            raise _fixed(source, height, width)


def _fixed(source: ModelSource, height: int, width: int) -> SourceError:
    own = f"{source.input_size[0]} x {source.input_size[1]}"
    return SourceError(
        f"the graph of {source.name!r} is fixed to pictures of {own} and cannot take {height} x {width}; leave that "
        f"shape "
        "out of --input-shapes, or convert once per --input-size"
    )


def shape_words(source: ModelSource) -> str:
    """For provenance and metadata: ``"64 x 48, 96 x 80"``."""
    return ", ".join(f"{height} x {width}" for height, width in source.input_shapes)
