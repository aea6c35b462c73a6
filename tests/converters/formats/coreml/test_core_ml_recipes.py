"""Core ML recipes: what is stored, and that the stored numbers, run by milrun, answer as torch does with the same
numbers."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from converters import Artifact, ConversionError, ModelSource, SourceError, make_plan
from converters.conversion.perform import perform
from converters.formats.coreml.file.program import read_program
from converters.formats.coreml.quantizing.compress import OPERATORS_WITH_WEIGHTS, operations_of
from converters.formats.coreml.quantizing.observers import quantized_network
from converters.formats.coreml.quantizing.palette import palette_of
from converters.formats.coreml.tool import coremltools
from quantization import NumberType, Palette, Recipe, recipe
from tests.converters import small_network as small
from tests.converters.making import Made, job_of
from validation.milrun import Interpreter

TARGETS = {
    "float32": "iOS16",
    "float16": "iOS16",
    "int8_weights": "iOS16",
    "w8a8": "iOS17",
    "w8a8_torch": "iOS17",
    "int4_weights": "iOS18",
    "palette8": "iOS18",
    "palette6": "iOS18",
    "palette4": "iOS18",
    "palette2": "iOS18",
    "pruned_palette6": "iOS18",
}
IN_FLOATS = [name for name in TARGETS if not name.startswith("w8a8")]


def milrun_logits(artifact: Artifact) -> NDArray[np.float32]:
    """NHWC logits of the picture behind `small.test_image`."""
    (picture,) = small.pictures(1, seed=99)
    return np.moveaxis(Interpreter(artifact.path).predict({"image": picture})["logits"], 1, 3)


def program_of(artifact: Artifact) -> list[Any]:
    return operations_of(coremltools().models.MLModel(str(artifact.path), skip_model_load=True))


def value_of(variable: Any) -> Any:
    """A constant, expanded by coremltools if it is compressed."""
    return variable.val if variable.val is not None else variable.op.materialized_val_inference()


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Cosine of the angle between two tensors; -2 if their shapes differ."""
    if first.shape != second.shape:
        return -2.0
    return float(np.sum(first * second)) / float(np.linalg.norm(first) * np.linalg.norm(second) + 1e-9)


def with_stored_weights(source: ModelSource, artifact: Artifact) -> ModelSource:
    """The network with each of its weight tensors replaced by what the package holds for it."""
    stored = stored_layers(artifact, layers_of(source))
    twin = replace(source, module=copy.deepcopy(source.module))
    for layer, (weights, _, _) in zip(layers_of(twin), stored, strict=True):
        layer.weight.data = torch.from_numpy(weights.copy())
    return twin


@pytest.mark.parametrize("name", IN_FLOATS)
def test_milrun_answers_as_torch_with_the_stored_weights(made: Made, source: ModelSource, name: str) -> None:
    """What remains is float16 rounding: 57 dB were seen; 45 leave a factor of four in amplitude."""
    artifact = made("coreml")[name]
    twin = with_stored_weights(source, artifact)
    assert small.decibels(small.torch_logits(twin, small.test_image(source)), milrun_logits(artifact)) > 45


def test_w8a8_steps_cover_what_calibration_showed(made: Made, source: ModelSource) -> None:
    """256 steps from the smallest to the largest input that each layer saw, up to float16 rounding."""
    seen = extremes(source)
    layers = layers_of(source)
    for layer, (_, step, zero) in zip(layers[1:], stored_layers(made("coreml")["w8a8"], layers)[1:], strict=True):
        low, high = seen[layer]
        assert step is not None and zero is not None
        assert step == pytest.approx((high - low) / 255, rel=0.02)
        assert zero == pytest.approx(-128 - low / step, abs=4)


def test_w8a8_stays_close_to_the_float_network(made: Made, source: ModelSource) -> None:
    """30 dB were seen; one bit less in every activation would cost 6."""
    found = milrun_logits(made("coreml")["w8a8"])
    assert small.decibels(small.torch_logits(source, small.test_image(source)), found) > 26


Layer = nn.Conv2d | nn.Linear
Stored = tuple[NDArray[np.float32], float | None, int | None]
"""Weights, and step and zero point of the input where it is quantized."""


def layers_of(source: ModelSource) -> list[Layer]:
    assert source.module is not None
    return [item for item in source.module.modules() if isinstance(item, nn.Conv2d | nn.Linear)]


def stored_layers(artifact: Artifact, layers: list[Layer]) -> list[Stored]:
    """What the package holds for each of `layers`."""
    found: list[Stored] = []
    for operation in program_of(artifact):
        if operation.op_type not in OPERATORS_WITH_WEIGHTS:
            continue
        weights = np.asarray(value_of(operation.inputs["weight"]), dtype=np.float32)
        before = operation.inputs["x"].op
        quantized = before is not None and before.op_type == "dequantize"
        step = float(value_of(before.inputs["scale"])) if quantized else None
        found.append((weights, step, zero_point_of(before) if quantized else None))
    return [max(found, key=lambda item: likeness(item[0], layer.weight.detach().numpy())) for layer in layers]


def zero_point_of(dequantize: Any) -> int:
    """In int8: coremltools writes a zero point of -128 as uint8 without one."""
    zero = dequantize.inputs.get("zero_point")
    unsigned = dequantize.inputs["input"].dtype.is_unsigned()
    return (0 if zero is None else int(value_of(zero))) - (128 if unsigned else 0)


def extremes(source: ModelSource) -> dict[nn.Module, tuple[float, float]]:
    """Smallest and largest input of every layer over the calibration pictures, zero included."""
    seen: dict[nn.Module, tuple[float, float]] = {}

    def watch(layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        low, high = (float(item) for item in inputs[0].aminmax())
        known = seen.get(layer, (0.0, 0.0))
        seen[layer] = min(low, known[0]), max(high, known[1])

    handles = [layer.register_forward_pre_hook(watch) for layer in layers_of(source)]
    assert source.module is not None
    for picture in small.calibration().tensors(unit_range=True):
        with torch.inference_mode():
            source.module(torch.from_numpy(picture).permute(0, 3, 1, 2))
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("name", ["int8_weights", "w8a8", "int4_weights"])
def test_integer_weights_are_within_half_a_step(made: Made, source: ModelSource, name: str) -> None:
    item = recipe(name)
    compressed = 0
    twin = with_stored_weights(source, made("coreml")[name])
    for own, stored in zip(weights_of(source), weights_of(twin), strict=True):
        block = item.block_size or own.shape[1]
        if own.shape[1] % block:
            assert np.abs(own - stored).max() <= np.abs(own).max() * 2**-11
            continue
        compressed += 1
        blocks = own.reshape(own.shape[0], -1, block, *own.shape[2:])
        axes = tuple(range(2, blocks.ndim))
        largest = np.abs(blocks).max(axis=axes, keepdims=True)
        steps = 2 ** (item.weights.bits - 1) - 1
        error = np.abs(blocks - stored.reshape(blocks.shape))
        assert (error <= largest / steps * 0.5 + largest * 2**-10).all()
    assert compressed == {"int8_weights": 8, "w8a8": 8, "int4_weights": 5}[name]


def weights_of(source: ModelSource) -> list[NDArray[np.float32]]:
    return [item.weight.detach().numpy() for item in layers_of(source)]


@pytest.mark.parametrize("name", ["palette6", "palette4", "palette2"])
def test_palettes_hold_few_values_close_to_the_weights(made: Made, source: ModelSource, name: str) -> None:
    """No group has more values than its table, and none loses more than an even table between its extremes could."""
    palette = recipe(name).palette
    assert palette is not None and palette.channels is not None
    twin = with_stored_weights(source, made("coreml")[name])
    groups = 0
    for own, stored in zip(weights_of(source), weights_of(twin), strict=True):
        if own.shape[0] % palette.channels or np.abs(own - stored).max() <= np.abs(own).max() * 2**-11:
            continue
        count = own.shape[0] // palette.channels
        for mine, theirs in zip(np.split(own, count), np.split(stored, count), strict=True):
            groups += 1
            assert len(np.unique(theirs)) <= 2**palette.bits
            even = (mine.max() - mine.min()) / (2**palette.bits - 1) / 2
            assert np.mean((mine - theirs) ** 2) <= even**2
    assert groups > 10


def test_pruning_leaves_out_the_smallest_weights(made: Made, source: ModelSource) -> None:
    artifact = made("coreml")["pruned_palette6"]
    twin = with_stored_weights(source, artifact)
    for own, stored in zip(weights_of(source), weights_of(twin), strict=True):
        gone = stored == 0
        assert 0.25 <= gone.mean() <= 0.35
        assert np.abs(own[gone]).max() <= np.abs(own[~gone]).min() * (1 + 2**-10)
    assert read_program(artifact.path).operators["constexpr_sparse_to_dense"] == 8


def test_fewer_bits_weigh_less(made: Made) -> None:
    artifacts = made("coreml")
    order = ["palette2", "palette4", "palette6", "palette8", "float16", "float32"]
    sizes = [artifacts[name].size_bytes for name in order]
    assert sizes == sorted(sizes) and len(set(sizes)) == len(sizes)
    assert artifacts["int4_weights"].size_bytes < artifacts["int8_weights"].size_bytes


@pytest.mark.parametrize("name", TARGETS)
def test_target_is_the_oldest_that_has_what_the_recipe_needs(made: Made, name: str) -> None:
    artifact = made("coreml")[name]
    program = read_program(artifact.path)
    assert artifact.provenance["deployment_target"] == program.deployment_target == TARGETS[name]
    assert program.metadata["segport.deployment_target"] == TARGETS[name]
    assert program.metadata["segport.recipe"] == name


def test_w8a8_quantizes_before_every_operator_with_weights_but_the_first(made: Made) -> None:
    operators = read_program(made("coreml")["w8a8"].path).operators
    assert operators["quantize"] == operators["dequantize"] == operators["conv"] + operators["linear"] - 1 == 7


def test_w8a8_torch_rounds_behind_every_value_and_keeps_its_scales(
    made: Made, source: ModelSource, tmp_path: Path
) -> None:
    """28 dB were seen, in torch as in the program; 13 before the change of scale behind a reshape was kept."""
    artifact = made("coreml")["w8a8_torch"]
    program, usual = read_program(artifact.path), read_program(made("coreml")["w8a8"].path)
    assert program.operators["quantize"] > 2 * usual.operators["quantize"]
    assert program.operators["constexpr_affine_dequantize"] >= 8
    assert program.bytes_by_dtype["int8"] > 10 * program.bytes_by_dtype["float16"]
    network = quantized_network(job_of(source, tmp_path, "w8a8_torch", small.calibration(), format_name="coreml"))
    picture = small.test_image(source)
    in_torch = small.torch_logits(replace(source, module=network), picture)
    found = milrun_logits(artifact)
    assert small.decibels(small.torch_logits(source, picture), in_torch) > 26
    assert small.decibels(small.torch_logits(source, picture), found) > 26
    # Values halfway between two steps fall either way in float16, so the two are not equal.
    assert small.decibels(in_torch, found) > 26


def test_w8a8_torch_says_what_it_cannot_do(source: ModelSource, tmp_path: Any) -> None:
    class Branching(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image if image.sum() > 0 else -image

    item, pictures = recipe("w8a8_torch"), small.calibration()
    job = job_of(source, tmp_path, item, pictures, format_name="coreml")
    with pytest.raises(SourceError, match="branches on values"):
        quantized_network(replace(job, source=replace(source, module=Branching())))
    with pytest.raises(ConversionError, match="measures activations on calibration pictures"):
        quantized_network(replace(job, calibration=None))
    keep = [("stem", NumberType.FLOAT16)]
    plan = make_plan(source, [("coreml", item)], calibration=pictures.digest(), keep=keep)
    (outcome,) = perform(plan, tmp_path, pictures)
    assert isinstance(outcome.error, SourceError) and "use recipe 'w8a8' with --keep" in str(outcome.error)


def test_w8a8_needs_something_that_runs_the_program(source: ModelSource, tmp_path: Any) -> None:
    pictures = replace(small.calibration(), observer=None)
    plan = make_plan(source, [("coreml", recipe("w8a8"))], calibration=pictures.digest())
    (outcome,) = perform(plan, tmp_path, pictures)
    assert isinstance(outcome.error, ConversionError) and "give the CalibrationSet an observer" in str(outcome.error)


def test_recipes_that_core_ml_has_not_are_refused(source: ModelSource, tmp_path: Any) -> None:
    foreign: Recipe = replace(recipe("int8_dynamic"), formats=("coreml",))
    (outcome,) = perform(make_plan(source, [("coreml", foreign)]), tmp_path)
    assert isinstance(outcome.error, ConversionError) and "cannot be written for Core ML" in str(outcome.error)


def test_what_decides_the_bytes_decides_the_key(source: ModelSource) -> None:
    first = recipe("palette6")
    for other in (replace(first, palette=Palette(6, 16)), replace(first, sparsity=0.2)):
        keys = {make_plan(source, [("coreml", item)]).conversions[0].key for item in (first, other)}
        assert len(keys) == 2


@pytest.mark.parametrize("skip_zeros", [False, True])
def test_palette_is_nearest_value_and_mean_of_its_members(skip_zeros: bool) -> None:
    """The two conditions that a least-squares table meets (Lloyd 1982)."""
    weights = np.random.default_rng(3).standard_t(4, (8, 40)).astype(np.float32)
    weights[weights < -1] = 0
    table, indices = palette_of(weights, 4, skip_zeros)
    flat = weights.ravel()
    counted = flat != 0 if skip_zeros else np.ones(len(flat), dtype=bool)
    assert table.shape == (16,) and table.dtype == np.float32 and (np.diff(table) >= 0).all()
    nearest = np.abs(flat[:, None] - table).min(1)
    np.testing.assert_allclose(np.abs(flat - table[indices]), nearest, atol=1e-6)
    for entry in np.unique(indices[counted]):
        assert table[entry] == pytest.approx(flat[counted & (indices == entry)].mean(), abs=1e-5)


def test_palette_of_few_values_is_exact() -> None:
    weights = np.array([[0.5, -0.25], [0.5, 0.0]], dtype=np.float16)
    table, indices = palette_of(weights, 2)
    np.testing.assert_array_equal(table[indices].reshape(2, 2), weights)
    assert table.dtype == np.float16
    table, _ = palette_of(np.zeros(4, dtype=np.float16), 1, skip_zeros=True)
    assert table.tolist() == [0, 0]
