"""Poolings in their other form: the same values as torch's own, and nothing changed where none needs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional

from converters.errors import ConversionError
from converters.torch_sources.shared_rewrites import plain_forms
from converters.torch_sources.unpooling import Unpooling
from tests.converters.making import rewritten


class Unpooled(nn.Module):
    """A pooling, something between, and the unpooling to the size before."""

    def __init__(self, window: tuple[int, int], twice: bool = False) -> None:
        super().__init__()
        self.window, self.twice = window, twice

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        values, places = functional.max_pool2d(image, self.window, return_indices=True)
        if self.twice:
            inner, deeper = functional.max_pool2d(values, 2, return_indices=True)
            values = functional.max_unpool2d(inner * 2, deeper, 2, output_size=list(values.shape))
        return functional.max_unpool2d(values + 1, places, self.window, output_size=list(image.shape))


class Indices(nn.Module):
    """Uses the indices themselves."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        values, places = functional.max_pool2d(image, 2, return_indices=True)
        return values + places


def picture(height: int, width: int, *, ties: bool = False) -> torch.Tensor:
    image = torch.randn((2, 3, height, width), generator=torch.Generator().manual_seed(height * width))
    return image.round() if ties else image


@pytest.mark.parametrize(
    ("size", "cells"), [((32, 32), (3, 3)), ((15, 13), (6, 6)), ((9, 8), (10, 3)), ((7, 5), (1, 2))]
)
@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
def test_uneven_cells_are_written_out(
    pool: Callable[[tuple[int, int]], nn.Module], size: tuple[int, int], cells: tuple[int, int]
) -> None:
    network, image = pool(cells), picture(*size)
    context = plain_forms(network, image)
    assert not isinstance(context, nullcontext)
    with context:
        found = network(image)
    torch.testing.assert_close(found, network(image), rtol=1e-5, atol=1e-6)


def test_uneven_cells_of_one_axis_too() -> None:
    network, image = nn.AdaptiveAvgPool1d(5), picture(13, 1)[..., 0]
    with plain_forms(network, image):
        found = network(image)
    torch.testing.assert_close(found, network(image))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("network", "size"),
    [
        (Unpooled((2, 2)), (8, 10)),
        (Unpooled((2, 2)), (9, 7)),
        (Unpooled((3, 2)), (9, 8)),
        (Unpooled((2, 2), twice=True), (12, 10)),
        (Indices(), (6, 9)),
    ],
)
def test_values_go_back_to_where_they_were(network: nn.Module, size: tuple[int, int], ties: bool) -> None:
    image = picture(*size, ties=ties)
    with plain_forms(network, image):
        found = network(image)
    assert torch.equal(found, network(image))


def test_a_program_of_torch_export_is_no_different() -> None:
    network, image = Unpooled((2, 2)).eval(), picture(8, 6)
    program = torch.export.export(network, (image,)).module()
    with plain_forms(program, image):
        assert torch.equal(program(image), network(image))


@pytest.mark.parametrize(
    "network",
    [
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d((4, None)),
        nn.AdaptiveMaxPool2d(2),
        nn.Sequential(nn.Conv2d(3, 2, 3), nn.MaxPool2d(3, 2, 1)),
    ],
)
def test_networks_without_them_are_left_alone(network: nn.Module) -> None:
    assert isinstance(plain_forms(network, picture(8, 10)), nullcontext)


def test_windows_that_overlap_cannot_be_unpooled() -> None:
    forms, image = Unpooling(), picture(8, 8)
    values, places = forms.pool(image, 3, 2, 1)
    expected, indices = functional.max_pool2d(image, 3, 2, 1, return_indices=True)
    assert torch.equal(values, expected) and torch.equal(places, indices)
    with pytest.raises(ConversionError, match="operator 'max_unpool2d' can be converted only where"):
        forms.unpool(values, places, 3, 2, 1, image.shape[2:])


@pytest.mark.parametrize("stride", [None, 2])
@pytest.mark.parametrize(("padding", "ceil"), [(0, False), (1, False), (0, True), (1, True)])
def test_sums_by_a_divisor_of_their_own(stride: int | None, padding: int, ceil: bool) -> None:
    network, image = nn.AvgPool2d((3, 2), stride, padding, ceil, divisor_override=4), picture(10, 13)
    with plain_forms(network, image):
        found = network(image)
    torch.testing.assert_close(found, network(image))


POOLS: list[nn.Module] = [
    nn.MaxPool2d(3, 2, ceil_mode=True),
    nn.MaxPool2d((2, 3), 2, 1, ceil_mode=True),
    nn.MaxPool2d(3, 3, 0, 2, ceil_mode=True),
    nn.AvgPool2d(3, 2, ceil_mode=True),
    nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    nn.AvgPool2d((3, 5), (2, 1), (1, 2), count_include_pad=False),
    nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    nn.AvgPool2d(2, 3, 1, ceil_mode=True, divisor_override=5),
]


@pytest.mark.parametrize("network", POOLS, ids=str)
@pytest.mark.parametrize("size", [(10, 13), (11, 8), (7, 9)])
def test_windows_beyond_the_map_are_written_out_for_tflite(network: nn.Module, size: tuple[int, int]) -> None:
    image = picture(*size)
    torch.testing.assert_close(rewritten(network)(image), network(image))
