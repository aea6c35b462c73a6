"""Quantize by ai_edge_quantizer or TensorFlow's quantizer: say each combination of types in their languages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from converters.artifact import PixelRange
from converters.contract import Job
from converters.errors import SourceError
from converters.formats.onnx import logits_graph
from converters.formats.tflite.file.layers import Layer, kept_layers
from converters.formats.tflite.float_file.onnx2tf_route import Quantized, onnx_to_tflite
from converters.formats.tflite.quantizing.masks import Finite, with_finite_masks
from converters.formats.tflite.quantizing.ranges import activation_ranges, tensor_statistics
from converters.formats.tflite.quantizing.repair import RepairableGraph, stored_weights
from converters.formats.tflite.quantizing.rounding import Integers, chosen_integers, store_integers
from converters.tools.importing import tool
from quantization import ActivationRange, Granularity, NumberType, Recipe, Repair, WeightRange

EXTRA = "tflite"
CASTABLE = ("conv_2d", "depthwise_conv_2d", "transpose_conv", "fully_connected", "embedding_lookup")
"""Operators whose weights the quantizer can store in 16-bit floats."""


def quantize(float_file: Path, job: Job) -> None:
    """Write `float_file` at the job's destination with the numbers that its recipe asks for, except for what it keeps.

    Raises:
        MissingToolError: ai-edge-quantizer is not installed.
        ConversionError: static ranges are asked for without calibration pictures.
        SourceError: a tensor is not finite on a calibration picture, or the conversion keeps operators that do not
            exist.
    """
    recipe, destination = job.recipe, job.destination
    masks = Finite(float_file, {}, {})
    if recipe.activation_range is ActivationRange.STATIC:
        masks = with_finite_masks(float_file, job)
        float_file = masks.path
    if Repair.EQUALIZE in recipe.repairs:
        job.tell("equalizing neighbouring layers")
        float_file = _equalized(float_file)
    said = quantizer_recipe(recipe, kept_layers(float_file, job.conversion.keep))
    ranges = None
    if recipe.activation_range is ActivationRange.STATIC:
        ranges = activation_ranges(float_file, job, masks.lows, masks.highs)
    job.tell("quantizing")
    _write(float_file, said, ranges, destination)
    integers: Integers = {}
    if Repair.GPTQ in recipe.repairs:
        integers = chosen_integers(float_file, destination, job)
        store_integers(destination, integers)
    if Repair.BIAS in recipe.repairs:
        statistics = tensor_statistics(float_file, job)
        graph, corrected = RepairableGraph(float_file), float_file.with_name(f"{recipe.name}-corrected.tflite")
        graph.correct_biases(stored_weights(destination), statistics)
        graph.save(corrected)
        job.tell("quantizing with corrected biases")
        _write(corrected, said, ranges, destination)
        store_integers(destination, integers)


def _write(float_file: Path, said: Any, ranges: Any, destination: Path) -> None:
    quantizer = tool("ai_edge_quantizer.quantizer", EXTRA).Quantizer(str(float_file), said)
    quantized = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    destination.write_bytes(bytes(quantized.quantized_model))


def _equalized(float_file: Path) -> Path:
    """The float file with like weight ranges in neighbouring layers, made once and kept beside it."""
    path = float_file.with_name(f"{float_file.stem}-equalized.tflite")
    if not path.exists():
        graph = RepairableGraph(float_file)
        graph.equalize()
        graph.save(path)
    return path


def quantize_by_tensorflow(job: Job) -> None:
    """Write a calibrated 8-bit file by TensorFlow's own converter, which measures ranges itself.

    Raises:
        MissingToolError: onnx2tf or TensorFlow is not installed.
        ConversionError: the converter failed.
        SourceError: something is asked for that it cannot do.
    """
    recipe = job.recipe
    if recipe.activations is not NumberType.INT8 or recipe.weights is not NumberType.INT8 or job.conversion.keep:
        raise SourceError(
            f"TensorFlow's quantizer makes plain 8-bit files, not {recipe.name!r} or single layers in float; "
            "leave --quantizer out"
        )
    given = job.pictures()
    if given.method is not None:
        raise SourceError("TensorFlow's quantizer has a calibration method of its own; leave --calibration-method out")
    pictures = np.concatenate(given.tensors(unit_range=job.source.pixel_range is PixelRange.UNIT))
    graph = logits_graph(job.source, job.workspace)
    job.tell("quantizing by TensorFlow")
    onnx_to_tflite(graph, job, job.destination, Quantized(pictures, recipe.interface.value))


def quantizer_recipe(recipe: Recipe, kept: Sequence[tuple[Layer, NumberType]] = ()) -> Any:
    """`recipe` as ai_edge_quantizer writes it, later entries before earlier ones; `kept` operators stay floats."""
    algorithms = tool("ai_edge_quantizer.algorithm_manager", EXTRA).AlgorithmName
    operations = tool("ai_edge_quantizer.qtyping", EXTRA).TFLOperationName
    manager = tool("ai_edge_quantizer.recipe_manager", EXTRA).RecipeManager()
    if recipe.weights.is_integer or recipe.weights is NumberType.FLOAT16:
        _add_everywhere(manager, recipe)
    for layer, number in kept:
        only = f"^{re.escape(layer.scope)}$"
        if number is NumberType.FLOAT16 and layer.kind in CASTABLE:
            manager.add_weight_only_config(
                only, operations.ALL_SUPPORTED, num_bits=16, algorithm_key=algorithms.FLOAT_CASTING
            )
        else:
            manager.add_quantization_config(only, operations.ALL_SUPPORTED, algorithm_key=algorithms.NO_QUANTIZE)
    return manager.get_quantization_recipe()


def _add_everywhere(manager: Any, recipe: Recipe) -> None:
    """The recipe for all operators that have no entry of their own."""
    types = tool("ai_edge_quantizer.qtyping", EXTRA)
    algorithms = tool("ai_edge_quantizer.algorithm_manager", EXTRA).AlgorithmName
    every = {"regex": ".*", "operation_name": types.TFLOperationName.ALL_SUPPORTED}
    bits = recipe.weights.bits
    if recipe.weights is NumberType.FLOAT16:
        manager.add_weight_only_config(**every, num_bits=bits, algorithm_key=algorithms.FLOAT_CASTING)
        return
    granularity = {
        Granularity.PER_CHANNEL: types.QuantGranularity.CHANNELWISE,
        Granularity.PER_TENSOR: types.QuantGranularity.TENSORWISE,
    }[recipe.granularity]
    for operation, algorithm in _algorithms(recipe, types, algorithms):
        where = {"regex": ".*", "operation_name": operation, "algorithm_key": algorithm}
        if recipe.activation_range is ActivationRange.NONE:
            manager.add_weight_only_config(**where, num_bits=bits, granularity=granularity)
        elif recipe.activation_range is ActivationRange.DYNAMIC:
            manager.add_dynamic_config(**where, num_bits=bits, granularity=granularity)
        else:
            manager.add_static_config(
                **where,
                activation_num_bits=recipe.activations.bits,
                weight_num_bits=bits,
                weight_granularity=granularity,
            )
    if recipe.activation_range is ActivationRange.STATIC:
        _add_interface(manager, recipe, types, algorithms)


def _algorithms(recipe: Recipe, types: Any, algorithms: Any) -> list[tuple[Any, Any]]:
    """Operators and the quantizer's algorithm for their weights; later entries win.

    Its MSE takes weights for normally distributed and is worse than min-max where they are not; its GPTQ knows fully
    connected layers only. Neither serves convolutions.
    """
    names = types.TFLOperationName
    found = [(names.ALL_SUPPORTED, algorithms.MIN_MAX_UNIFORM_QUANT)]
    if recipe.weight_range is WeightRange.OCTAV:
        weighted = [names.CONV_2D, names.FULLY_CONNECTED]
        if recipe.weights.bits >= 8:  # narrower weights exist for these two only
            weighted += [names.DEPTHWISE_CONV_2D, names.CONV_2D_TRANSPOSE]
        found += [(name, algorithms.OCTAV) for name in weighted]
    return found


def _add_interface(manager: Any, recipe: Recipe, types: Any, algorithms: Any) -> None:
    """What the picture and the logits are, beside calibrated activations."""
    names = types.TFLOperationName
    if recipe.interface is NumberType.UINT8:
        unsigned = types.TensorQuantizationConfig(num_bits=8, symmetric=False, dtype=types.TensorDataType.UINT)
        weights = types.TensorQuantizationConfig(
            num_bits=8, symmetric=True, granularity=types.QuantGranularity.CHANNELWISE
        )
        config = types.OpQuantizationConfig(
            activation_tensor_config=unsigned,
            weight_tensor_config=weights,
            compute_precision=types.ComputePrecision.INTEGER,
            explicit_dequantize=False,
        )
        for operation in (names.INPUT, names.OUTPUT):
            manager.add_quantization_config(".*", operation, config)
    left_in_float = [] if recipe.interface.is_integer else [names.INPUT, names.OUTPUT]
    if recipe.activations is NumberType.INT16:
        # LiteRT's 16-bit SUB takes only scales that are powers of two, which measured ranges never give.
        left_in_float.append(names.SUB)
    for operation in left_in_float:
        manager.add_quantization_config(".*", operation, algorithm_key=algorithms.NO_QUANTIZE)
