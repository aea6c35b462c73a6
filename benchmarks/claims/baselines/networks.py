"""Two public designs to compare FP-LIIF with, at its number of parameters: a U-Net and a BiSeNet-like network.

U-Net: O. Ronneberger et al., MICCAI 2015, arXiv 1505.04597. Stated there: five levels of two 3x3 convolutions each,
max pooling between them, skips by concatenation. Ours: the widths, padding that keeps sizes, batch norm, and bilinear
upsampling after a 1x1 convolution in the place of transposed convolutions (XNNPACK runs both steps).

BiSeNet: C. Yu et al., ECCV 2018, arXiv 1808.00897. Stated there: a spatial path of three strided convolutions to an
eighth of the picture; a context path whose last two stages and global average are joined by attention refinement
modules; a feature fusion module; logits resized from an eighth. Ours: the widths, a small residual context path in the
place of a pre-trained ResNet or Xception, no auxiliary losses, and bilinear resizing throughout.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

UNET_WIDTHS = (16, 32, 64, 144, 296)
SPATIAL_WIDTHS = (32, 64, 128)
CONTEXT_WIDTHS = (32, 64, 128, 256)
FUSED_WIDTH = 192


class DenseNetwork(nn.Module):
    """What the trainer and the evaluation of FP-LIIF need of a network that answers at the picture's own size."""

    def dense(self, image: Tensor) -> Tensor:
        """Logits at the picture's size: float RGB in -1..1 (N, 3, H, W) -> (N, classes, H, W)."""
        raise NotImplementedError

    def forward(self, image: Tensor, output_size: tuple[int, int] | None = None) -> Tensor:
        """Compute logits: float RGB 0..1 (N, 3, H, W) -> (N, classes, *output_size), the picture's size when None.


        Any other size is a bilinear resize of those logits: these networks have one size of answer.
        """
        logits = self.dense(image * 2.0 - 1.0)
        if output_size is None or output_size == tuple(logits.shape[2:]):
            return logits
        return resized(logits, output_size)

    def at_points(self, image: Tensor, points: Tensor) -> Tensor:
        """Logits (N, P, classes) at places (N, P, 2), (row, column) in -1..1; exact at the picture's pixel centres."""
        logits = self.forward(image).float()
        found = F.grid_sample(
            logits, points.flip(-1)[:, None], mode="bilinear", padding_mode="border", align_corners=False
        )
        return found[:, :, 0].transpose(1, 2)


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with half-pixel centres, which XNNPACK runs."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _size(x: Tensor) -> tuple[int, int]:
    return int(x.shape[2]), int(x.shape[3])


class ConvNormReLU(nn.Module):
    """Convolution, batch norm, and ReLU unless told otherwise."""

    def __init__(self, given: int, made: int, kernel: int = 3, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(given, made, kernel, stride, padding=kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(made)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x) if self.relu else x

    def fold(self) -> None:
        """Move the norm (in eval mode) into the convolution."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()


def _double(given: int, made: int) -> nn.Sequential:
    return nn.Sequential(ConvNormReLU(given, made), ConvNormReLU(made, made))


class UNet(DenseNetwork):
    """See the module's text; sides of the picture must be multiples of 2 ** (levels - 1)."""

    def __init__(self, classes: int, widths: tuple[int, ...] = UNET_WIDTHS) -> None:
        super().__init__()
        self.down = nn.ModuleList(_double(given, made) for given, made in pairwise((3, *widths)))
        upwards = list(pairwise(reversed(widths)))
        self.narrow = nn.ModuleList(nn.Conv2d(given, made, 1) for given, made in upwards)
        self.up = nn.ModuleList(_double(2 * made, made) for _, made in upwards)
        self.head = nn.Conv2d(widths[0], classes, 1)
        initialise(self, self.head)

    def dense(self, image: Tensor) -> Tensor:
        x, skips = image, []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for narrow, block in zip(self.narrow, self.up, strict=True):
            skip = skips.pop()
            # A 1x1 convolution and a bilinear resize commute; this order works on a quarter of the pixels.
            x = block(torch.cat([skip, resized(narrow(x), _size(skip))], dim=1))
        return self.head(x)  # type: ignore[no-any-return]


class _Residual(nn.Module):
    """A basic residual block that halves the sides (K. He et al., CVPR 2016)."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.first = ConvNormReLU(given, made, stride=2)
        self.second = ConvNormReLU(made, made, relu=False)
        self.shortcut = ConvNormReLU(given, made, kernel=1, stride=2, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.first(x)) + self.shortcut(x))


class _AttentionRefinement(nn.Module):
    """BiSeNet's ARM: a 3x3 convolution whose channels are weighted by a gate computed from their global average."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.conv = ConvNormReLU(given, made)
        self.gate = ConvNormReLU(made, made, kernel=1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.gate(F.adaptive_avg_pool2d(x, 1)))


class _FeatureFusion(nn.Module):
    """BiSeNet's FFM: join, a 1x1 convolution, and x + x * gate."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.conv = ConvNormReLU(given, made, kernel=1)
        self.squeeze = nn.Conv2d(made, made // 4, 1)
        self.excite = nn.Conv2d(made // 4, made, 1)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        x = self.conv(torch.cat([spatial, context], dim=1))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        return x + x * gate  # type: ignore[no-any-return]


class BiSeNetLike(DenseNetwork):
    """See the module's text; sides of the picture should be multiples of 32, and above 32 in training."""

    def __init__(
        self,
        classes: int,
        spatial: tuple[int, ...] = SPATIAL_WIDTHS,
        context: tuple[int, ...] = CONTEXT_WIDTHS,
        fused: int = FUSED_WIDTH,
    ) -> None:
        super().__init__()
        self.spatial = nn.Sequential(*(ConvNormReLU(a, b, stride=2) for a, b in pairwise((3, *spatial))))
        self.stem = ConvNormReLU(3, context[0], stride=2)
        self.stages = nn.ModuleList(_Residual(a, b) for a, b in pairwise((context[0], *context)))
        self.whole = ConvNormReLU(context[-1], fused // 2, kernel=1)
        self.refine16 = _AttentionRefinement(context[-2], fused // 2)
        self.refine32 = _AttentionRefinement(context[-1], fused // 2)
        self.smooth16 = ConvNormReLU(fused // 2, fused // 2)
        self.smooth32 = ConvNormReLU(fused // 2, fused // 2)
        self.fuse = _FeatureFusion(spatial[-1] + fused // 2, fused)
        self.before = ConvNormReLU(fused, fused)
        self.head = nn.Conv2d(fused, classes, 1)
        initialise(self, self.head)

    def dense(self, image: Tensor) -> Tensor:
        spatial = self.spatial(image)
        levels = [self.stem(image)]
        for stage in self.stages:
            levels.append(stage(levels[-1]))
        sixteenth, thirtysecond = levels[-2:]
        # One value a channel, added everywhere: what resizing a 1x1 map to the grid would give.
        deep = self.refine32(thirtysecond) + self.whole(F.adaptive_avg_pool2d(thirtysecond, 1))
        deep = self.smooth32(resized(deep, _size(sixteenth)))
        context = self.smooth16(resized(self.refine16(sixteenth) + deep, _size(spatial)))
        logits = self.head(self.before(self.fuse(spatial, context)))
        return resized(logits, _size(image))


def initialise(network: nn.Module, head: nn.Conv2d) -> None:
    """Start every convolution as He proposed, and the last with a small one, as FP-LIIF's trainer has it."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.normal_(head.weight, std=0.01)


BASELINES: dict[str, Callable[[int], DenseNetwork]] = {"unet": UNet, "bisenet": BiSeNetLike}
"""By the name used on the command line: number of classes -> network with random weights."""

TITLES = {"unet": "U-Net", "bisenet": "BiSeNet-like"}


class _Static(nn.Module):
    def __init__(self, network: DenseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image)  # type: ignore[no-any-return]


def static_graph(network: DenseNetwork) -> nn.Module:
    """Copy with folded norms in eval mode, float RGB 0..1 (1, 3, H, W) -> logits of the same size, for converters."""
    still = copy.deepcopy(network).cpu().float().eval()
    for module in still.modules():
        if isinstance(module, ConvNormReLU):
            module.fold()
    return _Static(still).eval().requires_grad_(False)
