"""w8a8 in milrun: every operator answers as torch on the same input, and why whole networks agree to some 34 dB only.

Rounding to 256 steps turns the least difference near the middle of a step into a whole step. So two correct ways of
computing the same 8-bit network drift apart until they differ by about a quantization error, however small the
difference that they began with. Agreement is to be proven where nothing has been amplified yet: operator by operator.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from converters import Artifact, ModelSource, SourceError, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.converters import small_network as small
from tests.converters.formats.coreml.test_core_ml_recipes import (
    Layer,
    Stored,
    layers_of,
    likeness,
    program_of,
    stored_layers,
    value_of,
    with_stored_weights,
    zero_point_of,
)
from tests.converters.making import Made, artifact_of, bare_source
from validation.milrun import Interpreter

FLOAT16_STEP = 2.0**-11
"""The largest relative error of rounding to float16."""


@pytest.fixture
def artifact(made: Made) -> Artifact:
    return made("coreml")["w8a8"]


@pytest.fixture
def tensors(artifact: Artifact) -> dict[str, NDArray[np.float64]]:
    """Everything that milrun computed from the picture behind `small.test_image`, by its name in the program."""
    found: dict[str, NDArray[np.float64]] = {}

    def observe(name: str, kind: str, outputs: Mapping[str, Any]) -> None:
        for tensor_name, tensor in outputs.items():
            if isinstance(tensor, Tensor):
                found[tensor_name] = tensor.double().numpy().copy()

    Interpreter(artifact.path).predict({"image": small.pictures(1, seed=99)[0]}, observe=observe)
    return found


def operators(artifact: Artifact, *kinds: str) -> list[Any]:
    return [item for item in program_of(artifact) if item.op_type in kinds]


def test_codes_are_the_nearest_steps(artifact: Artifact, tensors: dict[str, NDArray[np.float64]]) -> None:
    """clip(round(x / scale) + zero point) in float64 of the very numbers that milrun rounded; ties may go either
    way."""
    followers = {item.inputs["input"].name: item for item in operators(artifact, "dequantize")}
    quantizers = operators(artifact, "quantize")
    assert len(quantizers) == len(followers) == 7
    for item in quantizers:
        name = item.outputs[0].name
        unsigned = item.outputs[0].dtype.is_unsigned()
        zero = zero_point_of(followers[name]) + (128 if unsigned else 0)
        exact = tensors[item.inputs["input"].name] / float(value_of(item.inputs["scale"]))
        codes = np.clip(np.round(exact) + zero, *((0, 255) if unsigned else (-128, 127)))
        tie = np.abs(exact - np.floor(exact) - 0.5) < 1e-4
        np.testing.assert_array_equal(codes[~tie], tensors[name][~tie])
        assert tie.mean() < 0.01 and np.abs(codes - tensors[name]).max() <= 1
        assert len(np.unique(codes)) > 20


def test_values_of_codes_are_exact_but_for_float16(artifact: Artifact, tensors: dict[str, NDArray[np.float64]]) -> None:
    """Pairs share scale and zero point; a code's value is their product, rounded once."""
    for item in operators(artifact, "dequantize"):
        before = item.inputs["input"].op
        step = float(value_of(item.inputs["scale"]))
        assert step == float(value_of(before.inputs["scale"])) == float(np.float16(step))
        zero = zero_point_of(item) + (128 if item.inputs["input"].dtype.is_unsigned() else 0)
        values = (tensors[item.inputs["input"].name] - zero) * step
        np.testing.assert_allclose(tensors[item.outputs[0].name], values, rtol=FLOAT16_STEP * 1.01, atol=1e-7)


def test_operators_answer_as_torch_on_the_same_input(
    source: ModelSource, artifact: Artifact, tensors: dict[str, NDArray[np.float64]]
) -> None:
    """With stored weights and biases, in float64: what remains is one rounding to float16 and the order of a sum."""
    layers = layers_of(source)
    compared = 0
    for item in operators(artifact, "conv", "linear"):
        weights = np.asarray(value_of(item.inputs["weight"]), dtype=np.float32)
        own = max(layers, key=lambda layer: likeness(weights, layer.weight.detach().numpy()))
        twin = copy.deepcopy(own).double()
        assert twin.bias is not None
        twin.weight.data = torch.from_numpy(weights).double()
        twin.bias.data = torch.from_numpy(np.asarray(value_of(item.inputs["bias"]), dtype=np.float64))
        with torch.inference_mode():
            expected = twin(torch.from_numpy(tensors[item.inputs["x"].name])).numpy()
        found = tensors[item.outputs[0].name]
        np.testing.assert_allclose(found, expected, rtol=FLOAT16_STEP * 1.1, atol=2e-5)
        compared += 1
    assert compared == len(layers) == 8


def emulated(source: ModelSource, stored: list[Stored], image: NDArray[np.float32]) -> NDArray[np.float32]:
    """NHWC logits of torch in float32, the input of each layer rounded to the steps that the package holds for it."""
    twin = replace(source, module=copy.deepcopy(source.module))
    for layer, (_, step, zero) in zip(layers_of(twin), stored, strict=True):
        if step is not None and zero is not None:
            layer.register_forward_pre_hook(_rounding(step, zero))
    return small.torch_logits(twin, image)


def _rounding(step: float, zero: int) -> Any:
    def rounded(layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        codes = (torch.round(inputs[0] / step) + zero).clamp(-128, 127)
        return ((codes - zero) * step,)

    return rounded


def test_steps_amplify_what_floats_round(source: ModelSource, artifact: Artifact) -> None:
    """milrun is as near to the torch emulation as the emulation is to itself on a picture that float16 rounded.

    On three pictures 33 to 34 dB were seen for each, and 72 to 73 dB for the same change of the picture without steps:
    float16 alone costs next to nothing, and the rounding of activations brings it up near to its own error (30 dB
    against the float network).
    """
    layers: list[Layer] = layers_of(source)
    stored = stored_layers(artifact, layers)
    twin = with_stored_weights(source, artifact)
    image = small.test_image(source)
    nudged = image.astype(np.float16).astype(np.float32)
    assert 0 < np.abs(nudged - image).max() < FLOAT16_STEP
    without_steps = [(weights, None, None) for weights, _, _ in stored]
    assert small.decibels(emulated(twin, without_steps, image), emulated(twin, without_steps, nudged)) > 65

    expected = emulated(twin, stored, image)
    floor = small.decibels(expected, emulated(twin, stored, nudged))
    (picture,) = small.pictures(1, seed=99)
    for precision in ("as_stored", "float32"):
        run = Interpreter(artifact.path, precision=precision)  # type: ignore[arg-type]
        found = np.moveaxis(run.predict({"image": picture})["logits"], 1, 3)
        assert small.decibels(expected, found) > floor - 3
    assert 30 < floor < 45


class Masked(nn.Module):
    """Attention whose mask is a tensor of nothing but minus infinity, chosen place by place; a weight may be
    infinite."""

    def __init__(self, weight: float = 0.0) -> None:
        super().__init__()
        self.stem, self.value, self.head = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            self.value.weight[0, 0] += weight
        self.register_buffer("mask", torch.rand(64, 64).fill_diagonal_(0) > 0.5)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.stem(image)
        scores = tokens.flatten(2).transpose(1, 2) @ tokens.flatten(2)
        scores = torch.where(self.get_buffer("mask"), torch.full_like(scores, float("-inf")), scores)
        mixed = scores.softmax(-1) @ self.value(tokens).flatten(2).transpose(1, 2)
        logits: Tensor = self.head(mixed.transpose(1, 2).reshape(tokens.shape))
        return logits


@pytest.mark.parametrize("weight", [0.0, float("inf"), float("-inf")])
def test_masks_are_no_broken_weights_and_broken_weights_no_masks(weight: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = bare_source(Masked(weight).eval(), (32, 32), (8, 8), 4)
    pictures = small.calibration(2, (32, 32))
    plan = make_plan(source, [("coreml", recipe("w8a8"))], calibration=pictures.digest())
    (outcome,) = perform(plan, tmp_path, pictures)
    if weight:
        assert isinstance(outcome.error, SourceError) and "holds NaN or infinity" in str(outcome.error)
        return
    picture = small.pictures(1, (32, 32), seed=5)
    found = Interpreter(artifact_of(outcome).path).predict({"image": picture[0]})["logits"]
    expected = small.torch_logits(source, picture.astype(np.float32) / 255)
    assert small.decibels(expected, np.moveaxis(found, 1, 3)) > 25
