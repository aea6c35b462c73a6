"""The emulation against real 8-bit artifacts, and against the plain network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from converters import make_plan
from converters.conversion.perform import perform
from quantization import NumberType, RecipeError, recipe
from quantization.emulation import LayerwiseNetwork, rounded, rounded_weights
from tests.converters import small_network as small
from validation.runners import runners


def tensor(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


def calibrated(module: nn.Module) -> LayerwiseNetwork:
    network = LayerwiseNetwork(module)
    for picture in small.calibration().images:
        network.observe(tensor(picture))
    return network


def test_the_float_answer_is_the_networks_own_and_layers_do_not_leak_into_each_other() -> None:
    module = small.small_network()
    network = calibrated(module)
    picture = tensor(small.pictures(1, seed=99)[0])
    with torch.inference_mode():
        exact = module(picture)
    first, again = (dict(network.answers(picture)) for _ in range(2))
    torch.testing.assert_close(first[None], exact, rtol=1e-5, atol=1e-5)
    assert list(first) == [None, "stem", "block.0", "block.2", "down", "average", "project", "pixel.1", "pixel.3"]
    assert all(bool((first[name] == again[name]).all()) for name in first)
    assert all(not bool((first[name] == exact).all()) for name in first if name)


@pytest.mark.parametrize(
    "layers_alone",
    [("down",), pytest.param(("project", "pixel.1"), marks=pytest.mark.slow)],
    ids=["strided", "pointwise"],
)
def test_it_predicts_what_a_real_artifact_loses(layers_alone: tuple[str, ...], tmp_path: Path) -> None:
    """Each layer alone in int8, the rest kept in float32, executed by LiteRT: the same noise within 3 dB."""
    source = small.small_source()
    assert source.module is not None
    network = calibrated(source.module)
    picture = small.pictures(1, seed=99)[0]
    emulated = dict(network.answers(tensor(picture)))
    exact = emulated[None].numpy()
    pictures = small.calibration()
    for alone in layers_alone:
        keep = [(layer.name, NumberType.FLOAT32) for layer in network.layers if layer.name != alone]
        keep += [
            (kind, NumberType.FLOAT32)
            for kind in ("add", "mul", "sub", "div", "resize_*", "mean", "*pool*", "reshape", "transpose")
        ]
        plan = make_plan(
            source,
            [("tflite", recipe("int8_static"))],
            calibration=pictures.digest(),
            keep=_known(source, keep, tmp_path),
        )
        (outcome,) = perform(plan, tmp_path / alone, pictures)
        assert outcome.artifact is not None, outcome.error
        with runners()["litert"](outcome.artifact, "xnnpack", 1) as runner:
            real = np.moveaxis(runner.predict(picture), 2, 0)[None]
        lost = small.decibels(exact, real), small.decibels(exact, emulated[alone].numpy())
        assert abs(lost[0] - lost[1]) < 3, (alone, lost)


def _known(source: object, keep: list[tuple[str, NumberType]], folder: Path) -> list[tuple[str, NumberType]]:
    """Those patterns that name something in the float file."""
    from converters.formats.tflite.file.layers import layers

    plan = make_plan(source, [("tflite", recipe("float32"))])  # type: ignore[arg-type]
    (outcome,) = perform(plan, folder / "float")
    assert outcome.artifact is not None
    there = layers(outcome.artifact.path)
    return [(pattern, number) for pattern, number in keep if any(layer.matches(pattern) for layer in there)]


def test_rounding_against_its_definition() -> None:
    values = torch.rand(1001, generator=torch.Generator().manual_seed(0)) * 8 - 3
    low, high = -2.0, 4.0
    scale = (high - low) / 255
    zero = round(-128 - low / scale)
    stored = (torch.round(values / scale) + zero).clamp(-128, 127)
    torch.testing.assert_close(rounded(values, (low, high)), (stored - zero) * scale)
    layer = nn.Conv2d(3, 4, 3).requires_grad_(False)
    expected = torch.stack([torch.round(w / (w.abs().max() / 127)) * (w.abs().max() / 127) for w in layer.weight])
    torch.testing.assert_close(rounded_weights(layer), expected)


class Overwriting(nn.Module):
    """Writes over values that other layers still need."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.act(self.one(image))
        y = F.relu(self.two(x), inplace=True)
        y += x
        return y.mul_(2.0)


def test_networks_that_write_in_place() -> None:
    torch.manual_seed(0)
    module = Overwriting().eval()
    picture = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        exact = module(picture.clone())
    network = LayerwiseNetwork(module)
    network.observe(picture)
    answers = dict(network.answers(picture))
    torch.testing.assert_close(answers[None], exact)
    assert all(float((answers[name] - exact).abs().max()) < 0.1 for name in answers)


class Branching(nn.Module):
    """Looks at its values."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image if image.mean() > 0 else -image


def test_what_cannot_be_searched() -> None:
    with pytest.raises(RecipeError, match="cannot be traced"):
        LayerwiseNetwork(Branching())
    with pytest.raises(RecipeError, match="nothing to search"):
        LayerwiseNetwork(nn.ReLU())
    network = LayerwiseNetwork(nn.Sequential(nn.Conv2d(3, 2, 1)))
    with pytest.raises(RecipeError, match="no calibration pictures"):
        next(network.answers(torch.rand(1, 3, 4, 4)))
    with pytest.raises(RecipeError, match="not finite"):
        network.observe(torch.full((1, 3, 4, 4), torch.nan))
