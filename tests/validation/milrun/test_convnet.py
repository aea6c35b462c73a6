"""A small FP-LIIF-like network in every way it is shipped: float32, float16, int8 weights, pictures as inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from validation.milrun import Interpreter, PredictInputError

from .building import PixelNet, convert, only, reference, seeded, sqnr

ct = pytest.importorskip("coremltools")
SHAPE = (1, 3, 32, 32)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return seeded(PixelNet)


@pytest.fixture(scope="module")
def x() -> NDArray[np.float32]:
    return np.random.default_rng(0).random(SHAPE, dtype=np.float32)


@pytest.mark.parametrize("target", ["iOS15", "iOS16", "iOS17", "iOS18"])
def test_float32_equals_torch(net: nn.Module, x: NDArray[np.float32], target: str) -> None:
    model = Interpreter(convert(net, SHAPE, minimum_deployment_target=getattr(ct.target, target)))
    np.testing.assert_allclose(only(model.predict({"x": x})), reference(net, x), atol=1e-5)


@pytest.mark.parametrize("target", ["iOS16", "iOS18"])
def test_float16_rounds_and_float32_option_does_not(net: nn.Module, x: NDArray[np.float32], target: str) -> None:
    options = {"compute_precision": ct.precision.FLOAT16, "minimum_deployment_target": getattr(ct.target, target)}
    model = convert(net, SHAPE, **options)
    expected = reference(net, x)
    stored = only(Interpreter(model).predict({"x": x}))
    wide = only(Interpreter(model, precision="float32").predict({"x": x}))
    assert 50 < sqnr(expected, stored) < 80
    assert sqnr(expected, wide) > sqnr(expected, stored)


def test_float16_values_are_float16_numbers(net: nn.Module, x: NDArray[np.float32]) -> None:
    model = Interpreter(convert(net, SHAPE, compute_precision=ct.precision.FLOAT16))
    seen: dict[str, torch.Tensor] = {}
    model.predict({"x": x}, observe=lambda _name, _kind, outputs: seen.update(outputs))
    halves = [name for name, value in seen.items() if str(model.value_types[name]).startswith("float16")]
    assert len(halves) > 5
    for name in halves:
        assert torch.equal(seen[name].half().float(), seen[name]), name


@pytest.mark.parametrize(("target", "mode"), [("iOS16", "linear"), ("iOS16", "linear_symmetric"), ("iOS18", "linear")])
def test_int8_weights(net: nn.Module, x: NDArray[np.float32], target: str, mode: str) -> None:
    from coremltools.optimize import coreml as cto

    model = convert(net, SHAPE, minimum_deployment_target=getattr(ct.target, target))
    config = cto.OptimizationConfig(cto.OpLinearQuantizerConfig(mode=mode, weight_threshold=16))
    quantized = cto.linear_quantize_weights(model, config)
    answer = only(Interpreter(quantized).predict({"x": x}))
    assert 30 < sqnr(reference(net, x), answer) < 60


def test_path_and_model_agree(net: nn.Module, x: NDArray[np.float32], tmp_path: Path) -> None:
    model = convert(net, SHAPE)
    model.save(str(tmp_path / "net.mlpackage"))
    from_path = Interpreter(tmp_path / "net.mlpackage")
    assert from_path.functions == ("main",)
    assert [(item.name, item.shape, item.dtype) for item in from_path.inputs] == [("x", SHAPE, "float32")]
    assert np.array_equal(only(from_path.predict({"x": x})), only(Interpreter(model).predict({"x": x})))


def test_predicting_twice_gives_the_same_and_keeps_inputs(net: nn.Module, x: NDArray[np.float32]) -> None:
    model = Interpreter(convert(net, SHAPE))
    before = x.copy()
    first = only(model.predict({"x": x}))
    second = only(model.predict({"x": x}))
    assert np.array_equal(first, second)
    assert np.array_equal(x, before)


def test_observer_sees_every_operation(net: nn.Module, x: NDArray[np.float32]) -> None:
    model = Interpreter(convert(net, SHAPE))
    seen: list[tuple[str, str]] = []
    model.predict({"x": x}, observe=lambda name, kind, _outputs: seen.append((name, kind)))
    assert tuple(seen) == model.operations
    assert {"conv", "relu", "concat"} <= {kind for _, kind in seen}


class _Identity(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input, times one so that it is an operation."""
        return x * 1.0


@pytest.mark.parametrize("layout", ["RGB", "BGR"])
@pytest.mark.parametrize("as_pil", [True, False])
def test_picture_input_scale_bias_and_order(layout: str, as_pil: bool) -> None:
    scale, bias = 1 / 127.5, [-1.0, -0.5, 0.25]
    image = ct.ImageType("x", (1, 3, 8, 12), scale=scale, bias=bias, color_layout=getattr(ct.colorlayout, layout))
    model = Interpreter(convert(_Identity(), (1, 3, 8, 12), inputs=[image]))
    assert (model.inputs[0].kind, model.inputs[0].shape, model.inputs[0].color) == ("image", (8, 12), layout.lower())
    picture = np.random.default_rng(1).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    given: Any = Image.fromarray(picture) if as_pil else picture
    ordered = picture if layout == "RGB" else picture[:, :, ::-1]
    expected = (ordered.astype(np.float32) * scale + np.asarray(bias, np.float32)).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(only(model.predict({"x": given})), expected, atol=1e-5)


def test_grayscale_picture() -> None:
    image = ct.ImageType("x", (1, 1, 6, 5), scale=0.5, color_layout=ct.colorlayout.GRAYSCALE)
    model = Interpreter(convert(_Identity(), (1, 1, 6, 5), inputs=[image]))
    picture = np.random.default_rng(1).integers(0, 256, (6, 5), dtype=np.uint8)
    np.testing.assert_allclose(only(model.predict({"x": picture}))[0, 0], picture * 0.5, atol=1e-5)
    np.testing.assert_allclose(only(model.predict({"x": Image.fromarray(picture)}))[0, 0], picture * 0.5, atol=1e-5)
    with pytest.raises(PredictInputError, match="mode RGB"):
        model.predict({"x": Image.new("RGB", (5, 6))})


def test_picture_output() -> None:
    image = ct.ImageType("x", (1, 3, 8, 8))
    answer = [ct.ImageType("y", color_layout=ct.colorlayout.RGB)]
    model = Interpreter(convert(_Identity(), (1, 3, 8, 8), inputs=[image], outputs=answer))
    picture = np.random.default_rng(2).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    result = only(model.predict({"x": picture}))
    assert result.dtype == np.uint8
    assert np.array_equal(result, picture)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "'x' is missing"),
        ({"x": np.zeros((1, 3, 31, 32), np.float32)}, "give \\(1, 3, 32, 32\\)"),
        ({"x": np.zeros(SHAPE, np.float32), "z": 1}, "no input 'z'"),
        ({"x": np.full(SHAPE, "a")}, "array of numbers"),
    ],
)
def test_wrong_inputs_say_what_to_give(net: nn.Module, inputs: dict[str, Any], message: str) -> None:
    model = Interpreter(convert(net, SHAPE))
    with pytest.raises(PredictInputError, match=message) as caught:
        model.predict(inputs)
    assert caught.value.exit_code == 2


def test_constants_are_not_kept_twice(net: nn.Module) -> None:
    from coremltools.optimize import coreml as cto

    config = cto.OptimizationConfig(cto.OpLinearQuantizerConfig(weight_threshold=16))
    model = Interpreter(cto.linear_quantize_weights(convert(net, SHAPE), config))
    held = [value for value in model._compiled.template if isinstance(value, torch.Tensor)]
    assert sum(value.numel() for value in held) < 16 * 32 * 2
