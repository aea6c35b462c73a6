"""Infinities that padding and masks put in: they get numbers, and weights that are infinite stay refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn
from torch.nn import functional

from converters import SourceError
from converters.formats.tflite.float_file.float_graph import float_graph
from converters.formats.tflite.quantizing.mask_values import Reach, joined, seen_around
from converters.formats.tflite.quantizing.masks import with_finite_masks
from converters.formats.tflite.quantizing.quantize import quantize
from quantization.calibration import CalibrationSet
from tests.converters import small_network as small
from tests.converters.making import bare_source, job_of

SIZE = (32, 32)
LOW = float("-inf")


class Attention(nn.Module):
    """Attention among 16 places with a mask in one of many spellings."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.query, self.key, self.value = (nn.Conv2d(8, 8, 1) for _ in range(3))
        mask = torch.rand(16, 16) > 0.6
        self.register_buffer("mask", mask.fill_diagonal_(False))

    def masked(self, scores: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        mask = self.get_buffer("mask")
        if self.kind == "filled":
            return scores.masked_fill(mask, LOW)
        if self.kind == "chosen, from the picture":
            dark = image.mean(1).flatten(1) < 0
            return torch.where(torch.cat([dark[:, 1:], dark[:, :1] & False], 1)[:, None], torch.tensor(LOW), scores)
        if self.kind == "added":
            return scores + torch.full((16, 16), LOW).triu(1)
        if self.kind == "the smallest float":
            return scores + mask.float() * torch.finfo(torch.float32).min
        return scores.masked_fill(mask, LOW) / 8  # scaled afterwards

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        small_map = functional.avg_pool2d(image, 4)
        query, key, value = (
            layer(small_map).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        scores = self.masked(query @ key.transpose(1, 2) * 2, small_map)
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(small_map.shape)
        return image + 4 * functional.interpolate(mixed, size=image.shape[2:])


class Largest(nn.Module):
    """The largest value where a picture is dark, everywhere."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + image.masked_fill(image.mean(1, keepdim=True) > 0.2, LOW).amax((2, 3), keepdim=True)


class Padded(nn.Module):
    """A pooling behind padding of its own, of values on both sides of zero."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(functional.pad(image, (1, 1, 1, 1), value=LOW), 3, 1)


MIDDLES: dict[str, Any] = {
    "a residual network's stem": lambda: nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Upsample(scale_factor=2)),
    "negative values": lambda: nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 1, 1), nn.Upsample(scale_factor=2)),
    "padding": Padded,
    "a largest value": Largest,
    **{
        kind: lambda kind=kind: Attention(kind)
        for kind in ("filled", "chosen, from the picture", "added", "the smallest float", "scaled")
    },
}


def network(middle: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), middle, nn.Conv2d(8, 4, 1)).eval()


def pictures() -> CalibrationSet:
    return CalibrationSet(small.pictures(3, SIZE), ("a", "b", "c"), "tests")


@pytest.mark.parametrize("name", MIDDLES)
def test_masks_cost_no_accuracy(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = bare_source(network(MIDDLES[name]()), SIZE, (16, 16), 4)
    job = job_of(source, tmp_path, "int8_static", pictures())
    base = float_graph(job).path
    for recipe in ("int8_static", "int16x8"):
        job = job_of(source, tmp_path, recipe, pictures())
        quantize(base, job)
        image = small.pictures(3, SIZE)[:1].astype(np.float32) / 255
        found = Interpreter(model_path=str(job.destination)).get_signature_runner()(image=image)["logits"]
        assert small.decibels(small.torch_logits(source, image), found) > 30, recipe


class Broken(nn.Module):
    """A convolution with one weight that is no number, behind which a pooling pads."""

    def __init__(self, value: float, *, in_bias: bool = False) -> None:
        super().__init__()
        self.layer = nn.Conv2d(8, 8, 3, padding=1)
        with torch.no_grad():
            (self.layer.bias if in_bias else self.layer.weight).view(-1)[0] = value

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(functional.max_pool2d(self.layer(image), 3, 2, 1), scale_factor=2)


@pytest.mark.parametrize(("value", "in_bias"), [(math.nan, False), (math.inf, False), (LOW, False), (math.inf, True)])
def test_weights_that_are_no_numbers_stay_refused(value: float, in_bias: bool, tmp_path: Path) -> None:
    source = bare_source(
        network(nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Upsample(scale_factor=2))), SIZE, (16, 16), 4
    )
    base = float_graph(job_of(source, tmp_path)).path
    assert with_finite_masks(base, job_of(source, tmp_path, "int8_static", pictures())).path != base
    broken = bare_source(network(Broken(value, in_bias=in_bias)), SIZE, (16, 16), 4)
    path = tmp_path / "broken.tflite"
    _write_unchecked(broken.module, path)
    with pytest.raises(SourceError, match=r"holds? (NaN or )?infinity|answers with NaN"):
        quantize(path, job_of(broken, tmp_path, "int8_static", pictures()))


def _write_unchecked(module: Any, path: Path) -> None:
    """The float file of a network whose answers cannot be compared."""
    import litert_torch

    from converters import OutputKind
    from converters.formats.tflite.torch_forms.rewrites import Rewritten

    wrapped = Rewritten(module, OutputKind.LOGITS, torch.rand(1, 3, *SIZE)).eval()
    litert_torch.convert(wrapped, sample_kwargs={"image": torch.rand(1, *SIZE, 3)}).export(str(path))


def test_a_file_without_masks_is_handed_back(tmp_path: Path) -> None:
    source = bare_source(network(nn.MaxPool2d(3, 1, 1)), SIZE, (16, 16), 4)
    base = float_graph(job_of(source, tmp_path)).path
    assert with_finite_masks(base, job_of(source, tmp_path, "int8_static", pictures())).path == base


def test_what_is_masked_loses_by_as_much_as_needed_and_no_more() -> None:
    scores = np.array([[3.0, -np.inf, -9.0, 1.0], [0.5, 0.0, -np.inf, -1e9]], np.float32)
    seen = joined([seen_around(scores, [np.array([3.0, -9.0, 1e9], np.float32)]), seen_around(scores - 1, [])])
    assert (seen.low, seen.high, seen.smallest_row_high, seen.row) == (-10.0, 3.0, -0.5, 4)
    assert (seen.given_low, seen.given_high) == (-9.0, 3.0)
    for absolute, winner in ((False, -0.5), (True, -0.5)):
        low = Reach.of(seen, {"SOFTMAX"}, absolute, 1.0).low
        assert 4 * math.exp(low - winner) < 1 / 512
    assert Reach.of(seen, (), False, 1.0) == Reach(-10.0, 3.0)
