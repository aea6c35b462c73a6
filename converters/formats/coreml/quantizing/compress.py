"""Weights of a finished ML Program stored in fewer bits: integers with scales, tables of values, zeros left out.

Only operators that multiply by weights are touched. Other constants (coordinates) stay floats: one scale or one table
would not fit them.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import partial
from typing import Any

from converters.formats.coreml.quantizing.palette import palette_of
from converters.formats.coreml.tool import coremltools
from converters.tools.importing import tool
from quantization import Granularity, NumberType, Palette, Recipe

OPERATORS_WITH_WEIGHTS = ("conv", "conv_transpose", "linear", "matmul")


def with_compressed_weights(model: Any, recipe: Recipe, left_alone: Collection[str] = ()) -> Any:
    """A coremltools MLModel with its weights stored as `recipe` says.

    A tensor whose channels the blocks or groups do not divide stays as it is, and so does one that would not get
    smaller.

    Args:
        model: float ML Program, made for the recipe's deployment target.
        recipe: what to store.
        left_alone: names of operators whose weights stay as they are.
    """
    optimize = _optimize()
    left_alone = [*left_alone, *_read_by_others(model, left_alone)]
    if recipe.sparsity:
        pruner = optimize.OpMagnitudePrunerConfig(target_sparsity=recipe.sparsity, weight_threshold=0)
        model = optimize.prune_weights(model, config=_for_operators(pruner, left_alone))
    if recipe.palette is not None:
        joint = recipe.sparsity > 0
        config = _for_operators(_palettizer(recipe.palette, joint), [*left_alone, *_too_small(model, recipe.palette)])
        model = optimize.palettize_weights(model, config=config, joint_compression=joint)
    elif recipe.weights.is_integer:
        model = optimize.linear_quantize_weights(model, config=_for_operators(_quantizer(recipe), left_alone))
    return model


def _optimize() -> Any:
    coremltools()
    return tool("coremltools.optimize.coreml", "coreml")


def _for_operators(how: Any, left_alone: Collection[str]) -> Any:
    return _optimize().OptimizationConfig(
        op_type_configs=dict.fromkeys(OPERATORS_WITH_WEIGHTS, how), op_name_configs=dict.fromkeys(left_alone)
    )


def _palettizer(palette: Palette, joint: bool) -> Any:
    """Own tables: those of coremltools come from one of two libraries, depending on what is installed."""
    return _optimize().OpPalettizerConfig(
        mode="custom",
        lut_function=partial(palette_of, bits=palette.bits, skip_zeros=joint),
        granularity="per_tensor" if palette.channels is None else "per_grouped_channel",
        group_size=palette.channels or 1,
        weight_threshold=0,
    )


def _quantizer(recipe: Recipe) -> Any:
    granularity = {
        Granularity.PER_CHANNEL: "per_channel",
        Granularity.PER_TENSOR: "per_tensor",
        Granularity.PER_BLOCK: "per_block",
    }[recipe.granularity]
    block = {} if recipe.block_size is None else {"block_size": recipe.block_size}
    return _optimize().OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype=recipe.weights.value, granularity=granularity, weight_threshold=0, **block
    )


def _read_by_others(model: Any, left_alone: Collection[str]) -> list[str]:
    """Constants that an operator with weights shares with one that keeps its constants.

    coremltools stores equal constants once (zero biases of an untrained network, for one) and compresses none with two
    readers that want different things; it stops there instead.
    """
    wishes: dict[str, set[bool]] = {}
    for operation in operations_of(model):
        compressed = operation.op_type in OPERATORS_WITH_WEIGHTS and operation.name not in left_alone
        for given in operation.inputs.values():
            for variable in given if isinstance(given, list | tuple) else (given,):
                if variable is not None and variable.op is not None and variable.op.op_type == "const":
                    wishes.setdefault(variable.op.name, set()).add(compressed)
    return [name for name, wanted in wishes.items() if len(wanted) > 1]


def _too_small(model: Any, palette: Palette) -> list[str]:
    """Operators whose tables and indices would take as many bytes as the weights themselves."""
    return [name for name, shape in weight_shapes(model).items() if not _pays(shape, palette)]


def _pays(shape: tuple[int, ...], palette: Palette) -> bool:
    groups = 1 if palette.channels is None else max(1, shape[0] // palette.channels)
    count = math.prod(shape)
    stored_bits = NumberType.FLOAT16.bits
    return groups * (1 << palette.bits) * stored_bits + count * palette.bits < count * stored_bits


def weight_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Shape of the weights of every operator that multiplies by constant ones, by the operator's name, in order."""
    shapes = {}
    for operation in operations_of(model):
        weight = operation.inputs.get("weight")
        if operation.op_type in OPERATORS_WITH_WEIGHTS and weight is not None and weight.op is not None:
            shapes[operation.name] = tuple(weight.shape)
    return shapes


def operations_of(model: Any) -> list[Any]:
    """The operations of a coremltools MLModel's program, as coremltools' own compression passes see them."""
    coremltools()
    load = tool("coremltools.converters.mil.frontend.milproto.load", "coreml").load
    specification = model.get_spec()
    program = load(specification, specification.specificationVersion, model.weights_dir)
    return list(program.functions["main"].operations)
