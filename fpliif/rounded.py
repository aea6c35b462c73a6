"""Compute FP-LIIF as its deployed graph does, with rounding in between: quantization-aware fine-tuning trains it.

`RoundedFPLIIF` evaluates the function of an `FPLIIF` (it holds no weights of its own) in the order of `fpliif.deploy`:
batch norms folded, the first pixel layer split into its parts on the small grid. Every weight and every value that an
integer file stores passes through a `Rounding`, which comes from outside; with one that changes nothing the answer is
the network's own. Batch norms keep the running statistics they were trained with (Jacob et al. 2018, arXiv 1712.05877,
section 3.2): a file has no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpliif.network import FPLIIF, ResidualBlock, ResidualGroup, encode_position, position_code


class Rounding(Protocol):
    """Round numbers as an integer file would; gradients must pass through."""

    def weights(self, tensor: Tensor) -> Tensor:
        """Round a layer's weights, output channels first."""

    def values(self, name: str, tensor: Tensor) -> Tensor:
        """Round an activation; equal names share one scale."""

    def constant(self, tensor: Tensor) -> Tensor:
        """Round a tensor that does not depend on the picture, by the scale that fits it."""


MakeRounding = Callable[[FPLIIF, Iterable[Tensor]], Rounding]
"""From the float network that a fine-tuning starts with and calibration pictures, float RGB 0..1 (1, 3, H, W) each."""


class RoundedFPLIIF(nn.Module):
    """Run `network` with `rounding` in between; called like the network, on a full grid or at points.

    The parameters are the network's: training this trains the network.
    """

    def __init__(self, network: FPLIIF, rounding: Rounding) -> None:
        super().__init__()
        self.network = network
        self.rounding = rounding

    def forward(self, image: Tensor, output_size: tuple[int, int]) -> Tensor:
        """Compute logits at every pixel, float (N, classes, *output_size), from float RGB 0..1 (N, 3, H, W)."""
        height, width = output_size
        grid = self._grid(image)
        of_row, of_column = self._code_weights()
        bands = self.network.config.position_bands
        row_bias = (position_code(height, bands, image.device) @ of_row.T).T[None, :, :, None]
        column_bias = (position_code(width, bands, image.device) @ of_column.T).T[None, :, None, :]
        resized = self._resized(grid, (height, grid.shape[3]))
        rows = self.rounding.values("rows", resized + self.rounding.constant(row_bias))
        resized = self._resized(rows, (height, width), "rows")
        hidden = self.rounding.values("pixel.0", F.relu(resized + self.rounding.constant(column_bias)))
        return self._pixel_layers(hidden)

    def at_points(self, image: Tensor, points: Tensor) -> Tensor:
        """Compute logits at chosen places, float (N, P, classes); places (N, P, 2) as in `FPLIIF.at_points`.

        Where the file rounds between its two resizes, this rounds before and after both: at a point there are no whole
        rows.
        """
        grid = self._grid(image)
        of_row, of_column = self._code_weights()
        bands = self.network.config.position_bands
        row_bias = (encode_position(points[..., 0], bands) @ of_row.T).transpose(1, 2)[..., None]
        column_bias = (encode_position(points[..., 1], bands) @ of_column.T).transpose(1, 2)[..., None]
        places = points.flip(-1)[:, :, None]  # grid_sample wants (x, y); the points lie along its height
        sampled = F.grid_sample(grid.float(), places, mode="bilinear", padding_mode="border", align_corners=False)
        sampled = self.rounding.values("grid", sampled)
        rows = self.rounding.values("rows", sampled + self.rounding.constant(row_bias))
        hidden = self.rounding.values("pixel.0", F.relu(rows + self.rounding.constant(column_bias)))
        return self._pixel_layers(hidden)[..., 0].transpose(1, 2)

    def _grid(self, image: Tensor) -> Tensor:
        """Compute the first pixel layer's part on the small grid: features and global average, projected and added."""
        network = self.network
        z = self._encoded(self.rounding.values("image", image))
        average = self.rounding.values("average", z.mean((2, 3), keepdim=True))
        kernel = network.reduce1.weight.reshape(network.reduce1.out_features, -1, 3, 3)
        hidden = self._convolved("reduce1", z, kernel, network.reduce1.bias, padding=1, relu=True)
        features = self._convolved("reduce2", hidden, network.reduce2.weight[:, :, None, None], network.reduce2.bias)
        of_features, of_average, _, _ = self._first_layer_parts()
        bias = cast(nn.Linear, network.pixel[0]).bias
        projected = self._convolved("project_features", features, of_features[:, :, None, None], bias)
        shared = self._convolved("project_average", average, of_average[:, :, None, None], None)
        return self.rounding.values("grid", projected + shared)

    def _encoded(self, image: Tensor) -> Tensor:
        encoder = self.network.encoder
        # Normalised pixels 2 * p - 1, padded with black, as `fpliif.deploy` folds them into the stem.
        assert encoder.stem.bias is not None
        bias = encoder.stem.bias - encoder.stem.weight.sum((1, 2, 3))
        x = self._convolved("stem", image, encoder.stem.weight * 2.0, bias, padding=1)
        x = self._module("down1", self._group("group1", x, encoder.group1), encoder.down1)
        x = self._module("down2", self._group("group2", x, encoder.group2), encoder.down2)
        return self._group("group3", x, encoder.group3)

    def _group(self, name: str, x: Tensor, group: ResidualGroup) -> Tensor:
        inner = x
        for number, block in enumerate(group.blocks):
            inner = self._block(f"{name}.{number}", inner, cast(ResidualBlock, block))
        return self.rounding.values(name, x + self._module(f"{name}.closing", inner, group.closing))

    def _block(self, name: str, x: Tensor, block: ResidualBlock) -> Tensor:
        hidden = self._module(f"{name}.conv1", x, block.conv1, block.norm1, relu=True)
        return self.rounding.values(name, x + self._module(f"{name}.conv2", hidden, block.conv2, block.norm2))

    def _module(
        self, name: str, x: Tensor, conv: nn.Conv2d, norm: nn.Module | None = None, *, relu: bool = False
    ) -> Tensor:
        weight, bias = conv.weight, conv.bias
        if norm is not None:
            weight, bias = _folded(weight, bias, norm)
        stride, padding = int(conv.stride[0]), int(conv.padding[0])
        return self._convolved(name, x, weight, bias, stride=stride, padding=padding, relu=relu)

    def _convolved(
        self,
        name: str,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *,
        stride: int = 1,
        padding: int = 0,
        relu: bool = False,
    ) -> Tensor:
        answer = F.conv2d(x, self.rounding.weights(weight), bias, stride, padding)
        return self.rounding.values(name, F.relu(answer) if relu else answer)

    def _resized(self, x: Tensor, size: tuple[int, int], scale: str = "grid") -> Tensor:
        """Resize; integer kernels leave a resized tensor the scale of its input."""
        if tuple(x.shape[2:]) == size:
            return x
        return self.rounding.values(scale, F.interpolate(x, size, mode="bilinear", align_corners=False))

    def _pixel_layers(self, hidden: Tensor) -> Tensor:
        layers = [cast(nn.Linear, layer) for layer in self.network.pixel]
        for number, layer in enumerate(layers[1:], start=1):
            last = number == len(layers) - 1
            kernel = layer.weight[:, :, None, None]
            hidden = self._convolved(f"pixel.{number}", hidden, kernel, layer.bias, relu=not last)
        return hidden

    def _first_layer_parts(self) -> tuple[Tensor, ...]:
        config = self.network.config
        widths = [config.feature_width, config.widths[2], config.position_width, config.position_width]
        return torch.split(cast(nn.Linear, self.network.pixel[0]).weight, widths, dim=1)

    def _code_weights(self) -> tuple[Tensor, Tensor]:
        _, _, of_row, of_column = self._first_layer_parts()
        return of_row, of_column


def _folded(weight: Tensor, bias: Tensor | None, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Fold the batch norm behind a convolution into it, by its running statistics; gradients flow to both."""
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    start = -norm.running_mean if bias is None else bias - norm.running_mean
    return weight * factor[:, None, None, None], norm.bias + start * factor
