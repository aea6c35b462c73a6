"""What an .mlpackage says of itself to people, to Xcode and to apps."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from converters.artifact import OutputKind
from converters.contract import Conversion
from converters.formats.coreml.quantizing.keep import keep_words
from converters.formats.coreml.shapes import shape_words
from converters.formats.coreml.targets import deployment_target
from converters.scores import Scores
from converters.source import ModelSource

PREVIEW_TYPE = "com.apple.coreml.model.preview.type"
PREVIEW_PARAMETERS = "com.apple.coreml.model.preview.params"
DEPLOYMENT_TARGET_KEY = "segport.deployment_target"
CONVERSION_DATE = "com.github.apple.coremltools.conversion_date"


def describe_model(model: Any, source: ModelSource, conversion: Conversion) -> None:
    """Fill descriptions and user-defined metadata of a coremltools MLModel.

    Xcode's segmentation preview reads class labels and colours from the two `com.apple.coreml.model.preview` entries
    (coremltools guide, "Converting a PyTorch Segmentation Model").
    """
    # The date would give the same model another hash tomorrow.
    model.user_defined_metadata.pop(CONVERSION_DATE, None)
    model.author = "segport"
    model.version = version("segport")
    model.short_description = (
        f"{source.name}: segmentation into {len(source.classes)} classes ({conversion.recipe.name})"
    )
    height, width = source.input_size
    model.input_description["image"] = f"RGB picture, {width} x {height} pixels"
    model.output_description[conversion.output.value] = _answer(source, conversion.output)
    model.user_defined_metadata.update(
        {
            PREVIEW_TYPE: "imageSegmenter",
            PREVIEW_PARAMETERS: json.dumps(
                {"labels": list(source.classes), "colors": [_hexadecimal(colour) for colour in source.colours]}
            ),
            "segport.recipe": conversion.recipe.name,
            DEPLOYMENT_TARGET_KEY: deployment_target(conversion.recipe),
            "segport.weights_sha256": source.weights_sha256,
            "segport.key": conversion.key,
        }
    )
    if source.meaning.scores is not Scores.LOGITS:
        model.user_defined_metadata["segport.scores"] = source.meaning.scores.value
    if conversion.keep:
        model.user_defined_metadata["segport.kept"] = keep_words(conversion.keep)
    if source.input_shapes:
        model.user_defined_metadata["segport.input_shapes"] = shape_words(source)


def _answer(source: ModelSource, output: OutputKind) -> str:
    height, width = source.output_size
    if output is OutputKind.LABELS:
        return f"class ids, 1 x {height} x {width}"
    kind = "scores" if source.meaning.scores is Scores.LOGITS else source.meaning.scores.value
    return f"class {kind}, 1 x {len(source.classes)} x {height} x {width}; the largest along the second axis wins"


def _hexadecimal(colour: tuple[int, int, int]) -> str:
    return "#{:02X}{:02X}{:02X}".format(*colour)
