"""Resizes in their other form: torch's own values."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from converters.formats.tflite.torch_forms.rewrites import Rewriting
from converters.torch_sources.shared_rewrites import plain_forms


def picture(height: int, width: int) -> torch.Tensor:
    return torch.randn((1, 3, height, width), generator=torch.Generator().manual_seed(height * width))


class Resized(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(image, **self.options)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    "how",
    [
        {"size": (11, 9)},
        {"size": (33, 41)},
        {"size": (24, 5)},
        {"scale_factor": 0.4},
        {"scale_factor": (0.3, 1.7)},
        {"scale_factor": 0.45, "recompute_scale_factor": True},
    ],
)
@pytest.mark.parametrize("exported", [False, True])
def test_antialiased_resizes_are_two_matrices(mode: str, how: dict[str, Any], exported: bool) -> None:
    image = picture(24, 20)
    network: nn.Module = Resized(**how, mode=mode, antialias=True, align_corners=False)
    expected = network(image)
    if exported:
        network = torch.export.export(network, (image,)).module()
    with plain_forms(network, image):
        found = network(image)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "how",
    [{"size": (25, 23)}, {"size": (12, 5)}, {"size": (17, 13)}, {"scale_factor": 1.5}, {"scale_factor": (2.5, 0.7)}],
)
def test_nearest_resizes_by_no_whole_factor_fetch_what_torch_fetches(how: dict[str, Any]) -> None:
    network, image = Resized(**how, mode="nearest"), picture(24, 20)
    with Rewriting():
        found = network(image)
    assert torch.equal(found, network(image))


def test_other_resizes_are_left_alone() -> None:
    from contextlib import nullcontext

    for mode in ("bilinear", "bicubic", "nearest", "nearest-exact"):
        assert isinstance(plain_forms(Resized(size=(11, 9), mode=mode), picture(24, 20)), nullcontext)
