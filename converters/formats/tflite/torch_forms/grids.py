"""`grid_sample` where the grid is the same for every picture. Imports torch.

Its lowering computes places, corners, masks and weights anew for every picture, in about a hundred operations. Where no
picture changes the grid all of that is known beforehand, and what is left is to fetch four pixels and weigh them:

    grid_sample(x, grid)   ->   GATHER x MUL, up to four times, ADD between

That a grid is fixed is proven, not guessed: in the graph of operations nothing leads from the picture to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

GRID_SAMPLES = (functional.grid_sample, torch.ops.aten.grid_sampler.default, torch.ops.aten.grid_sampler_2d.default)
_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
"""In the order of the numbers that programs of torch.export write for them."""
_STORED = ("p_", "b_", "c_")
"""How torch.export names parameters, buffers and constants among the inputs of a graph."""


@dataclass(frozen=True)
class FixedGrid:
    """What one call of `grid_sample` fetches, whatever the picture.

    Attributes:
        size: (height, width) of what it answers with.
        corners: for each pixel that is fetched: its place among H x W, int64 (h * w), and its weight, float32 (h * w,
            1); None where all weights are one. Corners whose weights are all zero are left out.
    """

    size: tuple[int, int]
    corners: tuple[tuple[Tensor, Tensor | None], ...]

    def sample(self, image: Tensor) -> Tensor:
        """float32 (1, C, H, W) -> (1, C, h, w)."""
        pixels = image.permute(0, 2, 3, 1).flatten(1, 2)
        total: Tensor | None = None
        for place, weight in self.corners:
            part = pixels.index_select(1, place)
            part = part if weight is None else part * weight
            total = part if total is None else total + part
        if total is None:
            total = pixels.new_zeros((1, self.size[0] * self.size[1], image.shape[1]))
        return total.reshape(1, *self.size, image.shape[1]).permute(0, 3, 1, 2)


def fixed_grids(network: nn.Module, picture: Tensor) -> tuple[FixedGrid | None, ...]:
    """What each call of `grid_sample` fetches, in the order of the calls, when `network` answers to pictures of this
    shape.

    None stands for a call whose grid depends on the picture, or which is none of those that can be known beforehand
    (several pictures, bicubic, volumes).
    """
    watching = _Watching()
    with torch.no_grad():
        with watching:
            network(picture)
        if not watching.calls:
            return ()
        fixed = _fixed_in_graph(network, picture)
        if len(fixed) != len(watching.calls):
            return (None,) * len(watching.calls)
        return tuple(
            fetched(call) if same and call.is_plain else None for same, call in zip(fixed, watching.calls, strict=True)
        )


def _fixed_in_graph(network: nn.Module, picture: Tensor) -> list[bool]:
    """For each call of `grid_sample` in the graph of `network`, whether nothing leads from the picture to its grid."""
    try:
        graph = torch.export.export(network, (picture,)).graph_module.graph
    except Exception:  # noqa: BLE001 - torch raises anything, and a network without a graph will be refused by others, who say why
        return []
    (image,) = (node for node in graph.nodes if node.op == "placeholder" and not node.name.startswith(_STORED))
    follows = {image}
    for node in graph.nodes:  # in the order of execution
        if follows & set(node.all_input_nodes):
            follows.add(node)
    return [node.args[1] not in follows for node in graph.nodes if node.target in GRID_SAMPLES]


@dataclass(frozen=True)
class GridCall:
    """One call of `grid_sample`: shape of the image (1, C, H, W), the grid (1, h, w, 2), and the choices."""

    shape: tuple[int, ...]
    grid: Tensor
    mode: str
    padding: str
    align_corners: bool

    @property
    def is_plain(self) -> bool:
        """One picture, and a mode whose places and weights are told here."""
        return len(self.shape) == 4 and self.shape[0] == 1 and self.mode in ("bilinear", "nearest")


class _Watching(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[GridCall] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in GRID_SAMPLES:
            self.calls.append(_call(*args, **(kwargs or {})))
        return func(*args, **(kwargs or {}))


def _call(
    input: Tensor,  # noqa: A002 - torch's own name
    grid: Tensor,
    mode: str | int = "bilinear",
    padding_mode: str | int = "zeros",
    align_corners: bool | None = None,
    **numbered: int,
) -> GridCall:
    mode = numbered.get("interpolation_mode", mode)
    return GridCall(
        tuple(input.shape),
        grid,
        _MODES[mode] if isinstance(mode, int) else mode,
        _PADDINGS[padding_mode] if isinstance(padding_mode, int) else padding_mode,
        bool(align_corners),
    )


def fetched(call: GridCall) -> FixedGrid:
    """Corners and weights as torch computes them (aten/src/ATen/native/GridSampler.h)."""
    height, width = call.shape[2:]
    grid = call.grid[0]
    across, down = _place(grid[..., 0], width, call), _place(grid[..., 1], height, call)
    corners = []
    for (x, x_weight), (y, y_weight) in (
        (column, row) for row in _neighbours(down, call.mode) for column in _neighbours(across, call.mode)
    ):
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        weight = torch.where(inside, x_weight * y_weight, 0.0).flatten()[:, None]
        place = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten().long()
        if weight.any():
            corners.append((place.contiguous(), None if bool((weight == 1).all()) else weight.contiguous()))
    return FixedGrid((grid.shape[0], grid.shape[1]), tuple(corners))


def _place(values: Tensor, size: int, call: GridCall) -> Tensor:
    """From -1..1 to pixels, with the borders treated."""
    place = (values + 1) / 2 * (size - 1) if call.align_corners else ((values + 1) * size - 1) / 2
    if call.padding == "reflection":
        low, high = (0.0, size - 1.0) if call.align_corners else (-0.5, size - 0.5)
        span = high - low
        if span == 0:
            place = torch.zeros_like(place)
        else:
            apart = (place - low).abs()
            turns, rest = torch.floor(apart / span), torch.fmod(apart, span)
            place = torch.where(turns % 2 == 0, rest + low, span - rest + low)
    return place if call.padding == "zeros" else place.clamp(0, size - 1)


def _neighbours(place: Tensor, mode: str) -> tuple[tuple[Tensor, Tensor], ...]:
    if mode == "nearest":
        return ((place.round(), torch.ones_like(place)),)
    low = place.floor()
    return ((low, low + 1 - place), (low + 1, place - low))
