"""Recipe -> ai_edge_quantizer: how each combination of types is said in the quantizer's language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from converters.artifact import PixelRange
from converters.errors import ConversionError
from converters.formats.tflite.ranges import activation_ranges
from converters.tools import tool
from quantization import ActivationRange, Granularity, NumberType, Recipe
from quantization.calibration import CalibrationSet

EXTRA = "tflite"


def quantize(
    float_file: Path,
    recipe: Recipe,
    calibration: CalibrationSet | None,
    pixel_range: PixelRange,
    destination: Path,
) -> None:
    """Write `float_file` at `destination` with the numbers that `recipe` asks for.

    Raises:
        MissingToolError: ai-edge-quantizer is not installed.
        ConversionError: static ranges are asked for without calibration pictures.
        SourceError: a tensor is not finite on a calibration picture.
    """
    said = quantizer_recipe(recipe)
    ranges = None
    if recipe.needs_calibration:
        if calibration is None:
            raise ConversionError(f"recipe {recipe.name!r} needs calibration pictures, and none were given")
        ranges = activation_ranges(float_file, calibration, pixel_range, recipe.activations.bits)
    quantizer = tool("ai_edge_quantizer.quantizer", EXTRA).Quantizer(str(float_file), said)
    quantized = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    destination.write_bytes(bytes(quantized.quantized_model))


def quantizer_recipe(recipe: Recipe) -> Any:
    """`recipe` as ai_edge_quantizer writes it; inputs and outputs stay float32."""
    types = tool("ai_edge_quantizer.qtyping", EXTRA)
    algorithms = tool("ai_edge_quantizer.algorithm_manager", EXTRA).AlgorithmName
    manager = tool("ai_edge_quantizer.recipe_manager", EXTRA).RecipeManager()
    every = {"regex": ".*", "operation_name": types.TFLOperationName.ALL_SUPPORTED}
    granularity = {
        Granularity.PER_CHANNEL: types.QuantGranularity.CHANNELWISE,
        Granularity.PER_TENSOR: types.QuantGranularity.TENSORWISE,
    }[recipe.granularity]
    bits = recipe.weights.bits
    if recipe.weights is NumberType.FLOAT16:
        manager.add_weight_only_config(**every, num_bits=bits, algorithm_key=algorithms.FLOAT_CASTING)
    elif recipe.activation_range is ActivationRange.NONE:
        manager.add_weight_only_config(**every, num_bits=bits, granularity=granularity)
    elif recipe.activation_range is ActivationRange.DYNAMIC:
        manager.add_dynamic_config(**every, num_bits=bits, granularity=granularity)
    else:
        activation_bits = recipe.activations.bits
        manager.add_static_config(
            **every, activation_num_bits=activation_bits, weight_num_bits=bits, weight_granularity=granularity
        )
        left_in_float = [types.TFLOperationName.INPUT, types.TFLOperationName.OUTPUT]
        if recipe.activations is NumberType.INT16:
            # LiteRT's 16-bit SUB takes only scales that are powers of two, which measured ranges never give.
            left_in_float.append(types.TFLOperationName.SUB)
        for operation in left_in_float:
            manager.add_quantization_config(".*", operation, algorithm_key=algorithms.NO_QUANTIZE)
    return manager.get_quantization_recipe()
