"""Five small networks of kinds that phones run: converted, executed from the file, equal to torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from validation.milrun import Interpreter

from .building import convert, only, reference, seeded

ct = pytest.importorskip("coremltools")


def _conv(inputs: int, outputs: int, stride: int = 1, dilation: int = 1, groups: int = 1, size: int = 3) -> nn.Module:
    padding = dilation * (size // 2)
    layer = nn.Conv2d(inputs, outputs, size, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    """Max pooling down, transposed convolutions up (even and odd kernels, output padding), skip connections."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.middle, self.deep = _conv(3, 8), _conv(8, 16), _conv(16, 32)
        self.up1 = nn.ConvTranspose2d(32, 16, 2, 2)
        self.up2 = nn.ConvTranspose2d(32, 8, 3, 2, padding=1, output_padding=1, groups=2)
        self.out = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the input's size."""
        a = self.enter(x)
        b = self.middle(F.max_pool2d(a, 2))
        c = self.deep(F.max_pool2d(b, 3, 2, padding=1))
        y = torch.cat([self.up1(c), b], 1)
        result: Tensor = self.out(torch.cat([self.up2(y), a], 1))
        return result


class Aspp(nn.Module):
    """DeepLab's parallel dilated convolutions, a pooled branch, and bilinear resizing both ways of aligning."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 16, stride=2), _conv(16, 16, stride=2))
        self.branches = nn.ModuleList([_conv(16, 8, dilation=d) for d in (1, 2, 4)])
        self.pooled = nn.Conv2d(16, 8, 1)
        self.out = nn.Conv2d(32, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the input's size."""
        y = self.stem(x)
        pooled = F.interpolate(self.pooled(F.adaptive_avg_pool2d(y, 1)), size=y.shape[-2:], mode="bilinear")
        y = self.out(torch.cat([branch(y) for branch in self.branches] + [pooled], 1))
        y = F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=True)
        return F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


class AttentionBlock(nn.Module):
    """SegFormer's: overlapping patches, attention on reduced keys, mix-FFN with a depthwise convolution, GELU."""

    def __init__(self, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, width, 7, 4, 3)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.reduce = nn.Conv2d(width, width, 2, 2)
        self.enter, self.leave = nn.Linear(width, 32), nn.Linear(32, width)
        self.depthwise = nn.Conv2d(32, 32, 3, 1, 1, groups=32)
        self.out = nn.Conv2d(width, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at a quarter of the input's size."""
        y = self.patches(x)
        n, c, h, w = y.shape
        tokens = self.norm1(y.flatten(2).transpose(1, 2))
        tokens = tokens + self._attend(self.norm2(tokens), h, w)
        inner = self.enter(self.norm3(tokens)).transpose(1, 2).reshape(n, 32, h, w)
        inner = F.gelu(self.depthwise(inner)).flatten(2).transpose(1, 2)
        tokens = tokens + self.leave(inner)
        result: Tensor = self.out(tokens.transpose(1, 2).reshape(n, c, h, w))
        return result

    def _attend(self, tokens: Tensor, h: int, w: int) -> Tensor:
        n, count, c = tokens.shape
        small = self.reduce(tokens.transpose(1, 2).reshape(n, c, h, w)).flatten(2).transpose(1, 2)
        q = self.q(tokens).reshape(n, count, self.heads, -1).transpose(1, 2)
        k, v = self.kv(small).reshape(n, -1, 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, count, c)


class MobileBlock(nn.Module):
    """MobileNetV3's: inverted residual, depthwise 5x5, squeeze and excite with hard sigmoid, hard swish."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.expand = nn.Sequential(nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), nn.Hardswish())
        self.depth = nn.Sequential(nn.Conv2d(24, 24, 5, 1, 2, groups=24, bias=False), nn.BatchNorm2d(24))
        self.squeeze, self.excite = nn.Conv2d(24, 6, 1), nn.Conv2d(6, 24, 1)
        self.project = nn.Conv2d(24, 8, 1)
        self.out = nn.Conv2d(8, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the input's size, by nearest neighbours."""
        y = self.stem(x)
        z = F.hardswish(self.depth(self.expand(y)))
        gate = F.hardsigmoid(self.excite(F.relu6(self.squeeze(F.adaptive_avg_pool2d(z, 1)))))
        y = y + self.project(z * gate)
        return F.interpolate(self.out(y), scale_factor=2.0, mode="nearest")


class StyleNet(nn.Module):
    """Reflection and replication padding with instance norm, residual blocks, sub-pixel upsampling, tanh."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, 8, 7), nn.InstanceNorm2d(8, affine=True))
        self.down = nn.Sequential(nn.ReplicationPad2d(1), nn.Conv2d(8, 16, 3, 2), nn.InstanceNorm2d(16), nn.LeakyReLU())
        self.residual = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(16, 16, 3), nn.InstanceNorm2d(16), nn.PReLU(16))
        self.up = nn.Sequential(nn.Conv2d(16, 32, 1), nn.PixelShuffle(2), nn.ELU())
        self.out = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A picture in -1..1."""
        y = self.down(F.relu(self.enter(x)))
        y = y + self.residual(y)
        return torch.tanh(self.out(self.up(y)))


NETWORKS = [UNet, Aspp, AttentionBlock, MobileBlock, StyleNet]


@pytest.mark.parametrize("target", ["iOS15", "iOS18"])
@pytest.mark.parametrize("network", NETWORKS)
def test_equals_torch(network: type[nn.Module], target: str) -> None:
    net = seeded(network)
    shape = (1, 3, 32, 48)
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    model = Interpreter(convert(net, shape, minimum_deployment_target=getattr(ct.target, target)))
    np.testing.assert_allclose(only(model.predict({"x": x})), reference(net, x), atol=1e-3)


@pytest.mark.parametrize("network", NETWORKS)
def test_float16_stays_near(network: type[nn.Module]) -> None:
    net = seeded(network)
    shape = (1, 3, 32, 48)
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    model = Interpreter(convert(net, shape, compute_precision=ct.precision.FLOAT16))
    expected = reference(net, x)
    assert np.abs(only(model.predict({"x": x})) - expected).max() < 0.02 * np.abs(expected).max()
