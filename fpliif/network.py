"""Define FP-LIIF: a small convolutional encoder and a pixel MLP that answers at any output size.

Source: M. Sarkar et al., "Parameter Efficient Local Implicit Image Function Network for Face Segmentation",
CVPR 2023, arXiv 2303.15122, and its project page; the implicit function follows LIIF (Y. Chen et al., CVPR 2021,
arXiv 2012.09161).

Stated there: three groups of residual blocks (two and six in the first two), each with a group-level skip; a strided
convolution after each of the first two groups; unfolding of the feature grid Z and its global average; a two-layer MLP
that narrows the unfolded grid; that result, upsampled, joined with the global average and a positional code; a
four-layer MLP at every output pixel.

Ours: the norm and where it stands, black padding of the picture, the zero start of every residual branch, a positional
code that treats rows and columns separately, and *bilinear* upsampling with half-pixel centres. Bilinear is chosen over
LIIF's nearest cell because it is linear and separable, so that the first pixel layer can be computed on the small grid
(`fpliif.deploy`) at any ratio of sizes, whole or not; because XNNPACK runs RESIZE_BILINEAR but splits the graph at
RESIZE_NEAREST_NEIGHBOR; and because an average of quantized values keeps their scale, so that integer kernels need no
new one.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fpliif.config import FPLIIFConfig

DOWNSAMPLING = 4
"""Side of the picture over side of the grid Z, up to rounding."""

BLACK = -1.0
"""A black pixel after `normalise`; the picture is padded with it."""


def normalise(image: Tensor) -> Tensor:
    """Bring RGB 0..1 to -1..1 (ours: the paper's pages do not say)."""
    return image * 2.0 - 1.0


def make_norm(kind: str, channels: int) -> nn.Module:
    """Make a batch or instance norm with a trained scale and shift."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.InstanceNorm2d(channels, affine=True)


class ResidualBlock(nn.Module):
    """Compute x + norm(conv(ReLU(norm(conv(x))))), float (N, C, H, W) to the same shape."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = make_norm(norm, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = make_norm(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.norm1(self.conv1(x)))
        return x + self.norm2(self.conv2(hidden))  # type: ignore[no-any-return]


class ResidualGroup(nn.Module):
    """Compute x + conv(blocks(x)): residual blocks closed by a 3x3 convolution inside the group-level skip."""

    def __init__(self, channels: int, blocks: int, norm: str) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock(channels, norm) for _ in range(blocks)))
        self.closing = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.closing(self.blocks(x))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Turn a picture into the feature grid Z: normalised RGB (N, 3, H, W) -> (N, widths[2], ceil(H/4), ceil(W/4))."""

    def __init__(self, config: FPLIIFConfig) -> None:
        super().__init__()
        first, second, third = config.widths
        self.stem = nn.Conv2d(3, first, 3)
        self.group1 = ResidualGroup(first, config.blocks[0], config.norm)
        self.down1 = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.group2 = ResidualGroup(second, config.blocks[1], config.norm)
        self.down2 = nn.Conv2d(second, third, 3, stride=2, padding=1)
        self.group3 = ResidualGroup(third, config.blocks[2], config.norm)

    def forward(self, picture: Tensor) -> Tensor:
        # Padding with black instead of mid-grey lets deploy fold the normalisation into the stem, border included.
        x = self.stem(F.pad(picture, (1, 1, 1, 1), value=BLACK))
        x = self.down1(self.group1(x))
        x = self.down2(self.group2(x))
        return self.group3(x)  # type: ignore[no-any-return]


def position_code(size: int, bands: int, device: torch.device | None = None) -> Tensor:
    """Code the pixel centres along one axis, float32 (size, 1 + 2 * bands), values in -1..1.

    The coordinate runs from -1 to 1 over the picture's extent, as in LIIF, so a code means the same place at every
    output size; band k adds sin and cos of 2^k * pi times it (ours).
    """
    centres = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / size * 2.0 - 1.0
    return encode_position(centres, bands)


def encode_position(coordinate: Tensor, bands: int) -> Tensor:
    """Append the positional code along a new last axis: (...) in -1..1 -> (..., 1 + 2 * bands)."""
    parts = [coordinate]
    for band in range(bands):
        angle = coordinate * (math.pi * 2.0**band)
        parts += [torch.sin(angle), torch.cos(angle)]
    return torch.stack(parts, dim=-1)


class FPLIIF(nn.Module):
    """Compute the whole network; the module's text says what is the paper's and what is ours.

    `forward` answers on a full grid, `at_points` at chosen places; both evaluate the same function.
    """

    def __init__(self, config: FPLIIFConfig) -> None:
        super().__init__()
        self.config = config
        grid = config.widths[2]
        self.encoder = Encoder(config)
        self.reduce1 = nn.Linear(grid * 9, config.reduce_width)
        self.reduce2 = nn.Linear(config.reduce_width, config.feature_width)
        joined = config.feature_width + grid + 2 * config.position_width
        widths = [joined, *[config.pixel_width] * (config.pixel_depth - 1), config.classes]
        self.pixel = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                # Only a bias-free convolution (inside a block) or a linear layer feeds a ReLU.
                feeds_relu = isinstance(module, nn.Linear) or module.bias is None
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu" if feeds_relu else "linear")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            if isinstance(module, ResidualBlock):
                # Each block starts as the identity, so that depth costs nothing in the first steps.
                nn.init.zeros_(module.norm2.weight)  # type: ignore[arg-type]
        nn.init.normal_(self.pixel[-1].weight, std=0.01)  # type: ignore[arg-type]

    def features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the part that does not depend on the output size.

        Args:
            image: float RGB 0..1, (N, 3, H, W); H and W at least 4.

        Returns:
            features (N, feature_width, h, w) on the grid of Z, and the global average of Z (N, widths[2]).
        """
        z = self.encoder(normalise(image))
        # A linear layer on 3x3 unfolded Z is a 3x3 convolution with the same weights, and several times cheaper so.
        kernel = self.reduce1.weight.reshape(self.reduce1.out_features, -1, 3, 3)
        hidden = F.relu(F.conv2d(z, kernel, self.reduce1.bias, padding=1))
        narrowed = F.conv2d(hidden, self.reduce2.weight[:, :, None, None], self.reduce2.bias)
        return narrowed, z.mean((2, 3))

    def forward(self, image: Tensor, output_size: tuple[int, int]) -> Tensor:
        """Compute logits at every pixel of the wanted size.

        Args:
            image: float RGB 0..1, (N, 3, H, W).
            output_size: (height, width) of the answer, any positive sizes.

        Returns:
            logits, float (N, classes, *output_size).
        """
        grid, average = self.features(image)
        height, width = output_size
        bands = self.config.position_bands
        upsampled = F.interpolate(grid, output_size, mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
        shape = (*upsampled.shape[:3], -1)
        rows = position_code(height, bands, image.device)[None, :, None, :].expand(shape)
        columns = position_code(width, bands, image.device)[None, None, :, :].expand(shape)
        joined = torch.cat([upsampled, average[:, None, None, :].expand(shape), rows, columns], dim=-1)
        return self._pixel_mlp(joined).permute(0, 3, 1, 2)

    def at_points(self, image: Tensor, points: Tensor) -> Tensor:
        """Compute logits at chosen places, equal to `forward`'s values there when the places are its pixel centres.

        Args:
            image: float RGB 0..1, (N, 3, H, W).
            points: float (N, P, 2), (row, column) coordinates in -1..1 over the picture's extent.

        Returns:
            logits, float (N, P, classes).
        """
        grid, average = self.features(image)
        # grid_sample wants (x, y); without aligned corners its -1..1 spans pixel edges, exactly as our coordinates do.
        sampled = F.grid_sample(
            grid.float(), points.flip(-1)[:, None], mode="bilinear", padding_mode="border", align_corners=False
        )
        features = sampled[:, :, 0].transpose(1, 2)
        code = encode_position(points, self.config.position_bands).flatten(2)
        shape = (*features.shape[:2], -1)
        joined = torch.cat([features, average[:, None, :].expand(shape).float(), code], dim=-1)
        return self._pixel_mlp(joined)

    def _pixel_mlp(self, joined: Tensor) -> Tensor:
        for layer in self.pixel[:-1]:
            joined = F.relu(layer(joined))
        return self.pixel[-1](joined)  # type: ignore[no-any-return]


def count_parameters(network: nn.Module) -> int:
    """Count the trained values (buffers such as running statistics are left out)."""
    return sum(parameter.numel() for parameter in network.parameters())
