"""Rewrite an FP-LIIF exactly into a static graph for one input and one output size.

What changes, and why the answer does not:

    network                                   deployed
    -------                                   --------
    normalise, pad black, conv                conv with scaled weights; zero *is* black in raw pixels
    conv -> batch norm                        conv with folded weights
    unfold 3x3 -> linear                      3x3 conv
    linear                                    1x1 conv
    upsample F, join with average and code,   project F on the small grid (1x1 conv), add the projected average,
      first pixel layer                         resize rows, add row bias, resize columns, add column bias

The last line holds because the first pixel layer is linear in each of the parts that are joined, bilinear resizing is
linear per channel and separable, and the positional code treats rows and columns separately. Nothing is stored but the
weights and two thin biases, (pixel_width x height) and (pixel_width x width): adding them in one step would let a
converter fold them into one constant of pixel_width x height x width values (64 MB at 256 x 256).
All of this is ours; the paper's pages do not speak of deployment.
"""

from __future__ import annotations

import copy
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fpliif.errors import ConfigError
from fpliif.network import FPLIIF, Encoder, ResidualBlock, ResidualGroup, position_code

Size = int | tuple[int, int]

BYTE_MAXIMUM = 255.0


class DeployedFPLIIF(nn.Module):
    """Compute a static FP-LIIF; make it with `deploy`.

    `forward` takes float32 (N, 3, H, W) and answers float32 logits (N, classes, h, w) or int32 labels (N, h, w).
    Attributes `input_size` and `output_size` are (height, width).
    """

    def __init__(
        self,
        network: FPLIIF,
        output_size: tuple[int, int],
        input_size: tuple[int, int],
        pixel_maximum: float,
        labels: bool,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.output_size = output_size
        self.encoder = _static_encoder(network.encoder, pixel_maximum)
        self.reduce1 = _as_conv(network.reduce1, kernel=3)
        self.reduce2 = _as_conv(network.reduce2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.project_features, self.project_average = _split_first_layer(network)
        self.rows, self.columns = _axis_resizes(input_size, output_size)
        row_bias, column_bias = _axis_biases(network, output_size)
        self.register_buffer("row_bias", row_bias)
        self.register_buffer("column_bias", column_bias)
        layers: list[nn.Module] = []
        for layer in network.pixel[1:]:
            layers += [nn.ReLU(), _as_conv(layer)]
        self.pixel = nn.Sequential(*layers)
        self.answer = _ArgMax() if labels else nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        z = self.encoder(image)
        grid = self.reduce2(F.relu(self.reduce1(z)))
        features, average = self.project_features(grid), self.project_average(self.average(z))
        if isinstance(self.columns, nn.Identity):
            # Nothing stands between the two biases, so the average goes there: adjacent, converters would join them.
            hidden = self.rows(features) + self.row_bias + average + self.column_bias
        else:
            hidden = self.columns(self.rows(features + average) + self.row_bias) + self.column_bias
        return self.answer(self.pixel(hidden))  # type: ignore[no-any-return]


class _Resize(nn.Module):
    """Resize bilinearly, with half-pixel centres, to a fixed size."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=self.size, mode="bilinear", align_corners=False)


class _ArgMax(nn.Module):
    """Turn logits (N, C, h, w) into int32 class ids (N, h, w); the first of equal scores wins."""

    def forward(self, logits: Tensor) -> Tensor:
        return torch.argmax(logits, dim=1).to(torch.int32)


def deploy(
    network: FPLIIF,
    output_size: Size,
    input_size: Size = 256,
    pixel_range: Literal["unit", "byte"] = "unit",
    output: Literal["logits", "labels"] = "logits",
) -> DeployedFPLIIF:
    """Rewrite `network` for one input and one output size; equal to it up to rounding.

    Args:
        network: trained network; it is left as it is (the result holds copies, on the CPU, in float32).
        output_size: height and width of the answer, or one number for a square.
        input_size: height and width of the picture, or one number for a square; at least 4.
        pixel_range: ``"unit"`` if the deployed graph takes RGB 0..1, ``"byte"`` if 0..255 (as floats).
        output: ``"logits"``, or ``"labels"`` with the argmax inside the graph.

    Returns:
        an eval-mode module without control flow on shapes, ready for tracing; float32 (1, 3, H, W) to float32
        (1, classes, h, w), or to int32 (1, h, w) for labels.

    Raises:
        ConfigError: for sizes or options out of range.
    """
    answer, picture = _pair(output_size, "output_size", 1), _pair(input_size, "input_size", 4)
    if pixel_range not in ("unit", "byte"):
        raise ConfigError(f"pixel_range is {pixel_range!r}; choose 'unit' (0..1) or 'byte' (0..255)")
    if output not in ("logits", "labels"):
        raise ConfigError(f"output is {output!r}; choose 'logits' or 'labels'")
    maximum = BYTE_MAXIMUM if pixel_range == "byte" else 1.0
    still = copy.deepcopy(network).cpu().float().eval()
    with torch.no_grad():
        deployed = DeployedFPLIIF(still, answer, picture, maximum, output == "labels")
    return deployed.eval().requires_grad_(False)


def _pair(size: Size, name: str, least: int) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    if min(pair) < least:
        raise ConfigError(f"{name} is {size}; give at least {least} pixels on each side")
    return pair


def grid_size(input_size: tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) of the feature grid Z for a picture of `input_size`: halved twice, rounding up."""
    height, width = input_size
    return -(-height // 4), -(-width // 4)


def _static_encoder(encoder: Encoder, pixel_maximum: float) -> nn.Sequential:
    return nn.Sequential(
        _fold_normalisation(encoder.stem, pixel_maximum),
        _fold_group(encoder.group1),
        encoder.down1,
        _fold_group(encoder.group2),
        encoder.down2,
        _fold_group(encoder.group3),
    )


def _fold_normalisation(stem: nn.Conv2d, pixel_maximum: float) -> nn.Conv2d:
    """Write conv(2 * raw / maximum - 1), padded with black, as one zero-padded convolution on raw pixels."""
    assert stem.bias is not None
    folded = nn.Conv2d(stem.in_channels, stem.out_channels, 3, padding=1)
    assert folded.bias is not None
    folded.weight.copy_(stem.weight * (2.0 / pixel_maximum))
    folded.bias.copy_(stem.bias - stem.weight.sum((1, 2, 3)))
    return folded


def _fold_group(group: ResidualGroup) -> ResidualGroup:
    for block in group.blocks:
        assert isinstance(block, ResidualBlock)
        block.conv1, block.norm1 = _fold_norm(block.conv1, block.norm1)
        block.conv2, block.norm2 = _fold_norm(block.conv2, block.norm2)
    return group


def _fold_norm(conv: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    """Fold a batch norm into the convolution; an instance norm depends on the picture and stays."""
    if isinstance(norm, nn.BatchNorm2d):
        return fuse_conv_bn_eval(conv, norm), nn.Identity()
    return conv, norm


def _as_conv(layer: nn.Module, kernel: int = 1) -> nn.Conv2d:
    """Write a linear layer on (unfolded) pixels as a convolution."""
    assert isinstance(layer, nn.Linear)
    conv = nn.Conv2d(layer.in_features // kernel**2, layer.out_features, kernel, padding=kernel // 2)
    conv.weight.copy_(layer.weight.reshape(conv.weight.shape))
    assert conv.bias is not None
    conv.bias.copy_(layer.bias)
    return conv


def _first_layer_parts(network: FPLIIF) -> tuple[Tensor, ...]:
    """Cut the first pixel layer's weights into those for features, average, row code and column code."""
    config = network.config
    widths = [config.feature_width, config.widths[2], config.position_width, config.position_width]
    return network.pixel[0].weight.split(widths, dim=1)  # type: ignore[operator,no-any-return]


def _split_first_layer(network: FPLIIF) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Make its parts that work on the small grid: on the features (with the bias) and on the global average."""
    of_features, of_average, _, _ = _first_layer_parts(network)
    features = nn.Conv2d(of_features.shape[1], of_features.shape[0], 1)
    features.weight.copy_(of_features[:, :, None, None])
    assert features.bias is not None
    features.bias.copy_(network.pixel[0].bias)  # type: ignore[arg-type]
    average = nn.Conv2d(of_average.shape[1], of_average.shape[0], 1, bias=False)
    average.weight.copy_(of_average[:, :, None, None])
    return features, average


def _axis_biases(network: FPLIIF, output_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Compute its parts on the positional code: (1, pixel_width, height, 1) and (1, pixel_width, 1, width)."""
    _, _, of_row, of_column = _first_layer_parts(network)
    bands = network.config.position_bands
    rows = of_row @ position_code(output_size[0], bands).T
    columns = of_column @ position_code(output_size[1], bands).T
    return rows[None, :, :, None].contiguous(), columns[None, :, None, :].contiguous()


def _axis_resizes(input_size: tuple[int, int], output_size: tuple[int, int]) -> tuple[nn.Module, nn.Module]:
    grid, answer = grid_size(input_size), output_size
    rows = nn.Identity() if grid[0] == answer[0] else _Resize((answer[0], grid[1]))
    columns = nn.Identity() if grid[1] == answer[1] else _Resize(answer)
    return rows, columns
