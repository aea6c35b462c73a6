"""From a trained network and a recipe to an artifact on disk: source, plan, perform, artifact."""

from converters.artifact import (
    Artifact,
    ImageInput,
    Layout,
    MapOutput,
    OutputKind,
    PixelRange,
    Quantization,
    Signature,
    content_hash,
    content_size,
)
from converters.contract import Conversion, Converter, Job, Written
from converters.conversion.plan import Plan, make_plan
from converters.errors import ConversionError, MissingToolError, SourceError
from converters.formats import converter, converters
from converters.scores import Scores
from converters.source import ModelSource

__all__ = [
    "Artifact",
    "Conversion",
    "ConversionError",
    "Converter",
    "ImageInput",
    "Job",
    "Layout",
    "MapOutput",
    "MissingToolError",
    "ModelSource",
    "OutputKind",
    "PixelRange",
    "Plan",
    "Quantization",
    "Scores",
    "Signature",
    "SourceError",
    "Written",
    "content_hash",
    "content_size",
    "converter",
    "converters",
    "make_plan",
]
