"""The Core ML converter: trace -> ML Program -> (8-bit weights) -> metadata -> .mlpackage -> read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from converters.artifact import OutputKind, PixelRange
from converters.errors import ConversionError, SourceError
from converters.formats.coreml.metadata import describe_model
from converters.formats.coreml.package import save_package
from converters.formats.coreml.readback import read_back
from converters.formats.coreml.tool import coremltools
from converters.plan import Conversion
from converters.registry import Converter, Written
from converters.source import ModelSource
from converters.tools import tool
from quantization import ActivationRange, Granularity, NumberType, Recipe
from quantization.calibration import CalibrationSet

DEPLOYMENT_TARGET = "iOS16"
"""The oldest system that expands 8-bit weights inside an ML Program; float models share it so that one app runs all."""


OPERATORS_WITH_WEIGHTS = ("conv", "conv_transpose", "linear", "matmul")


class CoreMLConverter(Converter):
    """Writes an ML Program: RGB picture ``image`` -> ``logits`` float32 (1, C, h, w) or ``labels`` int32 (1, h, w)."""

    format = "coreml"
    suffix = ".mlpackage"
    routes = ("coremltools",)

    def tools(self, route: str) -> tuple[str, ...]:
        return ("torch", "coremltools")

    def default_route(self, source: ModelSource) -> str:
        return "coremltools"

    def check(self, source: ModelSource, route: str) -> None:
        if source.module is None:
            raise SourceError(
                f"Core ML is made from a torch network, but {source.name!r} is an ONNX file; "
                "give the network, or leave coreml out of the formats"
            )

    def convert(
        self,
        source: ModelSource,
        conversion: Conversion,
        calibration: CalibrationSet | None,
        destination: Path,
        workspace: Path,
    ) -> Written:
        recipe = conversion.recipe
        model = _float_model(source, conversion.output, _computed_in(recipe), workspace)
        if recipe.weights.is_integer:
            model = _with_integer_weights(model, recipe)
        describe_model(model, source, conversion)
        save_package(model, destination)
        written = read_back(destination, source, conversion.output)
        facts = {"route": conversion.route, "deployment_target": DEPLOYMENT_TARGET}
        return Written(written.image, written.output, facts | written.provenance)


def _computed_in(recipe: Recipe) -> NumberType:
    if recipe.activation_range is not ActivationRange.NONE or recipe.weights is NumberType.INT16:
        raise ConversionError(f"recipe {recipe.name!r} cannot be written for Core ML: it computes in floats only")
    return recipe.activations


def _float_model(source: ModelSource, output: OutputKind, computed_in: NumberType, workspace: Path) -> Any:
    """The float ML Program, converted once per workspace."""
    ct = coremltools()
    kept = workspace / f"coreml-{computed_in.value}-{output.value}.mlpackage"
    if kept.exists():
        return ct.models.MLModel(str(kept), skip_model_load=True)
    model = ct.convert(
        _traced(source, output),
        convert_to="mlprogram",
        inputs=[_picture(source)],
        outputs=[ct.TensorType(name=output.value, dtype=np.int32 if output is OutputKind.LABELS else np.float32)],
        compute_precision={
            NumberType.FLOAT32: ct.precision.FLOAT32,
            NumberType.FLOAT16: ct.precision.FLOAT16,
        }[computed_in],
        minimum_deployment_target=getattr(ct.target, DEPLOYMENT_TARGET),
        skip_model_load=True,
    )
    save_package(model, kept)
    return model


def _traced(source: ModelSource, output: OutputKind) -> Any:
    import torch

    from converters.torch_heads import channels_first, example_image, torch_module

    with torch.no_grad():
        return torch.jit.trace(  # type: ignore[no-untyped-call]
            channels_first(torch_module(source, "Core ML"), output), example_image(source)
        )


def _picture(source: ModelSource) -> Any:
    """An RGB picture input; Core ML hands over 0..255, which the program itself scales to what the network takes."""
    ct = coremltools()
    return ct.ImageType(
        name="image",
        shape=(1, 3, *source.input_size),
        scale=source.pixel_range.scale / PixelRange.BYTE.scale,
        color_layout=ct.colorlayout.RGB,
    )


def _with_integer_weights(model: Any, recipe: Recipe) -> Any:
    """Weights of the operators that have them; other constants (coordinates) stay floats: one scale would not fit."""
    coremltools()
    optimize = tool("coremltools.optimize.coreml", "coreml")
    granularity = {Granularity.PER_CHANNEL: "per_channel", Granularity.PER_TENSOR: "per_tensor"}[recipe.granularity]
    weights = optimize.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype=recipe.weights.value, granularity=granularity, weight_threshold=0
    )
    config = optimize.OptimizationConfig(op_type_configs=dict.fromkeys(OPERATORS_WITH_WEIGHTS, weights))
    return optimize.linear_quantize_weights(model, config=config)


CONVERTER = CoreMLConverter()
