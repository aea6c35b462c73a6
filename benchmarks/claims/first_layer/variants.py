"""Other exact forms of FP-LIIF's first pixel layer, beside `joined` (as trained) and `fpliif.deploy` (rows and
columns).

    form                        features F on the small grid -> what the second pixel layer reads
    ----                        -----------------------------------------------------------------
    rows and columns            project, + average, resize rows, + row bias, resize columns, + column bias
    ... in bands                the same, but columns and all that follows in four bands of rows, one after another
    one resize                  project, resize, + (average + row bias), + column bias
    depth to space              one convolution to 16 times the pixel width, interleave, + (average + row bias), +
    column bias ... by channel              project, 16 depthwise convolutions, interleave, + (average + row bias), +
    column bias ... by axis                 project, + average, 4 depthwise convolutions along columns of the grid,
    interleave rows, + row bias,
                                  4 along its rows, interleave columns, + column bias

Depth to space is bilinear upsampling by 4 written as convolutions: a pixel reads the cell it lies in and the nearest
neighbour on each axis, by weights that its place in the cell decides. The grid's edge is repeated, as bilinear
resizing has it.

The two biases never stand side by side as constants: a converter would fold them into one of pixel width x height x
width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.claims.first_layer.joined import StillEncoder
from fpliif.deploy import deploy
from fpliif.errors import ConfigError
from fpliif.network import DOWNSAMPLING

if TYPE_CHECKING:
    from fpliif.network import FPLIIF

TAPS = ((0.375, 0.625, 0.0), (0.125, 0.875, 0.0), (0.0, 0.875, 0.125), (0.0, 0.625, 0.375))
"""Of cells i - 1, i and i + 1 in pixel 4 i + k, for each k.

Its centre lies (k - 1.5) / 4 of a cell from that of cell i.
"""
BANDS = 4


class Variant(StillEncoder):
    """A static FP-LIIF whose first pixel layer a subclass computes; all else is the deployed network's own.

    `forward` takes float32 RGB 0..1 (1, 3, side, side) and answers logits (1, classes, side, side).
    """

    row_bias: Tensor
    column_bias: Tensor

    def __init__(self, network: FPLIIF, side: int) -> None:
        still = deploy(network, side, side)
        super().__init__(still, side)
        self.project_features, self.project_average = still.project_features, still.project_average
        self.pixel = still.pixel
        for name in ("row_bias", "column_bias"):
            self.register_buffer(name, still.get_buffer(name))

    def forward(self, image: Tensor) -> Tensor:
        grid, z = self.features(image)
        return self.answer(grid, self.project_average(self.average(z)))

    def answer(self, grid: Tensor, average: Tensor) -> Tensor:
        """Logits from features (1, feature_width, h, w) and the projected average (1, pixel_width, 1, 1)."""
        raise NotImplementedError

    def _with_biases(self, upsampled: Tensor, average: Tensor) -> Tensor:
        return upsampled + (average + self.row_bias) + self.column_bias


class OneResize(Variant):
    """Rows and columns in one bilinear resize."""

    def answer(self, grid: Tensor, average: Tensor) -> Tensor:
        upsampled = _resized(self.project_features(grid), (self.side, self.side))
        return self.pixel(self._with_biases(upsampled, average))  # type: ignore[no-any-return]


class InBands(Variant):
    """The deployed form, a band of rows at a time: what is held at once of its widest maps is a quarter."""

    def answer(self, grid: Tensor, average: Tensor) -> Tensor:
        features = self.project_features(grid) + average
        rows = _resized(features, (self.side, features.shape[3])) + self.row_bias
        bands = torch.split(rows, -(-self.side // BANDS), dim=2)
        wide = (_resized(band, (band.shape[2], self.side)) + self.column_bias for band in bands)
        return torch.cat([self.pixel(band) for band in wide], dim=2)


class _Interleaving(Variant):
    """What the forms with depth to space share; they upsample by 4 and by nothing else."""

    def __init__(self, network: FPLIIF, side: int) -> None:
        if side % DOWNSAMPLING:
            raise ConfigError(f"side is {side}; depth to space upsamples by {DOWNSAMPLING}, so give a multiple of it")
        super().__init__(network, side)


class DepthToSpace(_Interleaving):
    """Projection and upsampling in one convolution."""

    def __init__(self, network: FPLIIF, side: int) -> None:
        super().__init__(network, side)
        project = self.project_features
        assert project.bias is not None
        kernels = torch.stack([torch.outer(torch.tensor(down), torch.tensor(along)) for down in TAPS for along in TAPS])
        places = len(kernels)
        size = kernels.shape[1:]
        self.upsample = nn.Conv2d(project.in_channels, places * project.out_channels, size)  # type: ignore[arg-type]
        assert self.upsample.bias is not None
        with torch.no_grad():
            self.upsample.weight.copy_((kernels[:, None, None] * project.weight).flatten(0, 1))
            self.upsample.bias.copy_(project.bias.repeat(places))

    def answer(self, grid: Tensor, average: Tensor) -> Tensor:
        upsampled = _interleaved_columns(_interleaved_rows(self.upsample(_edged(grid))))
        return self.pixel(self._with_biases(upsampled, average))  # type: ignore[no-any-return]


class DepthToSpaceByChannel(_Interleaving):
    """Each of the 16 places in a cell by a depthwise convolution of its own."""

    def __init__(self, network: FPLIIF, side: int) -> None:
        super().__init__(network, side)
        width = self.project_features.out_channels
        self.upsample = nn.ModuleList(
            _depthwise(width, [[one * other for other in along] for one in down]) for down in TAPS for along in TAPS
        )

    def answer(self, grid: Tensor, average: Tensor) -> Tensor:
        projected = self.project_features(_edged(grid))
        places = [place(projected) for place in self.upsample]
        # Four at a time, by way of their columns: XNNPACK joins no more than five.
        rows = [_interleaved_columns(torch.cat(places[start : start + 4], dim=1)) for start in range(0, len(places), 4)]
        upsampled = _interleaved_rows(torch.cat(rows, dim=1))
        return self.pixel(self._with_biases(upsampled, average))  # type: ignore[no-any-return]


class DepthToSpaceByAxis(_Interleaving):
    """One axis after the other, so that the row bias is added before columns are upsampled."""

    def __init__(self, network: FPLIIF, side: int) -> None:
        super().__init__(network, side)
        width = self.project_features.out_channels
        self.down = nn.ModuleList(_depthwise(width, [[tap] for tap in taps]) for taps in TAPS)
        self.along = nn.ModuleList(_depthwise(width, [taps]) for taps in TAPS)

    def answer(self, grid: Tensor, average: Tensor) -> Tensor:
        features = self.project_features(_edged(grid)) + average
        rows = _interleaved_rows(torch.cat([place(features) for place in self.down], dim=1)) + self.row_bias
        columns = _interleaved_columns(torch.cat([place(rows) for place in self.along], dim=1)) + self.column_bias
        return self.pixel(columns)  # type: ignore[no-any-return]


VARIANTS: Mapping[str, tuple[str, Callable[[FPLIIF, int], Variant]]] = {
    "one_resize": ("one resize", OneResize),
    "depth_to_space": ("depth to space", DepthToSpace),
    "depth_to_space_by_channel": ("depth to space by channel", DepthToSpaceByChannel),
    "depth_to_space_by_axis": ("depth to space by axis", DepthToSpaceByAxis),
    "in_bands": ("rows and columns in bands", InBands),
}
"""Name in the results -> title for people, and what makes it of a trained network and a side.

Files are kept by name and weights: after changing a form, delete runs/claims/converted.
"""


def variant(name: str, network: FPLIIF, side: int) -> Variant:
    """Build the named form in eval mode, equal to `network` at side x side up to rounding.


    Raises:
        ConfigError: the form does not upsample to this side.
    """
    return VARIANTS[name][1](network, side).eval().requires_grad_(False)


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _edged(grid: Tensor) -> Tensor:
    """With its outermost rows and columns repeated once; slices, because converters know no padding that repeats."""
    rows = torch.cat([grid[:, :, :1], grid, grid[:, :, -1:]], dim=2)
    return torch.cat([rows[:, :, :, :1], rows, rows[:, :, :, -1:]], dim=3)


def _depthwise(channels: int, kernel: Sequence[Sequence[float]]) -> nn.Conv2d:
    """Apply the same kernel to every channel."""
    taps = torch.tensor(kernel)
    conv = nn.Conv2d(channels, channels, tuple(taps.shape), groups=channels, bias=False)  # type: ignore[arg-type]
    with torch.no_grad():
        conv.weight.copy_(taps.expand_as(conv.weight))
    return conv


def _interleaved_rows(x: Tensor) -> Tensor:
    """Bring (1, 4 c, h, w), place in the cell before channel, to (1, c, 4 h, w)."""
    _, channels, height, width = x.shape
    split = x.permute(0, 2, 3, 1).reshape(height, width, DOWNSAMPLING, channels // DOWNSAMPLING)
    return split.permute(0, 2, 1, 3).reshape(1, height * DOWNSAMPLING, width, -1).permute(0, 3, 1, 2)


def _interleaved_columns(x: Tensor) -> Tensor:
    """Bring (1, 4 c, h, w) to (1, c, h, 4 w); channels last, nothing moves."""
    _, _, height, width = x.shape
    return x.permute(0, 2, 3, 1).reshape(1, height, width * DOWNSAMPLING, -1).permute(0, 3, 1, 2)
