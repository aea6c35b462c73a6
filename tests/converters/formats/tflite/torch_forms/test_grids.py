"""grid_sample with a fixed grid: torch's own answer, a few operations, and only where the grid is proven to be
fixed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from converters.formats.tflite.file.flatbuffer import read_model
from converters.formats.tflite.float_file.float_graph import float_graph
from converters.formats.tflite.torch_forms.grids import GridCall, fetched, fixed_grids
from tests.converters.making import bare_source, job_of

SIZE = (20, 28)
TURNED = [[0.9, 0.2, 0.1], [-0.2, 1.1, -0.05]]


class Sampled(nn.Module):
    """A picture, seen through `grid`."""

    def __init__(self, grid: torch.Tensor, mode: str, padding: str, align_corners: bool) -> None:
        super().__init__()
        self.register_buffer("grid", grid)
        self.mode, self.padding, self.align_corners = mode, padding, align_corners

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        grid = self.get_buffer("grid")
        return functional.grid_sample(image, grid, self.mode, self.padding, self.align_corners)


class Turning(nn.Module):
    """A network that turns its features by a fixed angle."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        grid = functional.affine_grid(torch.tensor([TURNED]), [1, 4, *SIZE], align_corners=False)
        self.turn = Sampled(grid, "bilinear", "zeros", False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.turn(self.stem(image)))  # type: ignore[no-any-return]


class Looking(Turning):
    """Where it looks depends on the picture: by a derivative, or by a choice that has none."""

    def __init__(self, by_choice: bool) -> None:
        super().__init__()
        self.by_choice = by_choice

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = image[..., :1, :1].mean() - image[..., -1:, -1:].mean()
        shift = (seen > 0).float() if self.by_choice else seen
        x = self.stem(image)
        return self.head(functional.grid_sample(x, self.turn.get_buffer("grid") + shift, align_corners=False))  # type: ignore[no-any-return]


def picture(*size: int) -> torch.Tensor:
    return torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(1))


@settings(max_examples=120, deadline=None)
@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from(["bilinear", "nearest"]),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(),
    st.floats(0.1, 4),
    st.integers(0, 99),
)
def test_what_is_fetched_is_torchs_answer(
    size: tuple[int, int], cells: tuple[int, int], mode: str, padding: str, align_corners: bool, reach: float, seed: int
) -> None:
    grid = (2 * torch.rand((1, *cells, 2), generator=torch.Generator().manual_seed(seed)) - 1) * reach
    image = picture(*size)
    found = fetched(GridCall(tuple(image.shape), grid, mode, padding, align_corners)).sample(image)
    expected = functional.grid_sample(image, grid, mode, padding, align_corners)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_picture_that_is_only_mirrored_costs_no_weights() -> None:
    grid = functional.affine_grid(torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), [1, 3, 4, 8], align_corners=False)
    (fixed,) = fixed_grids(Sampled(grid, "nearest", "zeros", False), picture(4, 8))
    assert fixed is not None and [weight for _, weight in fixed.corners] == [None]
    assert torch.equal(fixed.sample(picture(4, 8)), picture(4, 8).flip(-1))


def test_the_file_gathers_and_nothing_more(tmp_path: Path) -> None:
    torch.manual_seed(0)
    graph = float_graph(job_of(bare_source(Turning().eval(), SIZE, SIZE, 4), tmp_path))
    operators = read_model(graph.path).graphs[0].operators
    assert operators.count("GATHER_ND") == operators.count("MUL") == 4
    assert set(operators) == {"CONV_2D", "RESHAPE", "GATHER_ND", "MUL", "ADD"}, operators
    assert len(operators) <= 16
    assert float(graph.agreement.split()[0]) > 100


def test_an_exported_program_is_no_different(tmp_path: Path) -> None:
    torch.manual_seed(0)
    program = torch.export.export(Turning().eval(), (picture(*SIZE),)).module()
    (fixed,) = fixed_grids(program, picture(*SIZE))
    assert fixed is not None and len(fixed.corners) == 4


@pytest.mark.parametrize("by_choice", [False, True])
def test_a_grid_that_follows_the_picture_stays_as_it_is(by_choice: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Looking(by_choice).eval()
    assert fixed_grids(network, picture(*SIZE)) == (None,)
    graph = float_graph(job_of(bare_source(network, SIZE, SIZE, 4), tmp_path))
    assert float(graph.agreement.split()[0]) > 80


def test_networks_without_any_have_none() -> None:
    assert fixed_grids(nn.Conv2d(3, 4, 1), picture(*SIZE)) == ()
