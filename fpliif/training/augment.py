"""Change whole batches at random, on whatever device the batch lies.

Pictures are float32 RGB 0..1 (N, 3, H, W), masks uint8 (N, H, W). Every random number comes from the generator that is
handed in, so a step's batch depends on the seed and the step alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segdata.labels import LabelSet


@dataclass(frozen=True)
class AugmentConfig:
    """Say how far a batch is changed; 0 switches a change off.

    Attributes:
        flip: probability of mirroring left to right (labels of mirrored classes swap).
        rotation_degrees: largest rotation either way.
        scale: largest change of size: a factor in 1/(1+scale) .. 1+scale.
        shear: largest shear either way.
        shift: largest shift either way, as a share of the side.
        brightness, contrast, saturation: largest relative change either way.
        tint: largest relative change of each colour channel by itself.
        blur: probability of a small blur (two 3x3 averages).
        noise: largest standard deviation of added noise (of 0..1).
    """

    flip: float = 0.5
    rotation_degrees: float = 15.0
    scale: float = 0.2
    shear: float = 0.08
    shift: float = 0.08
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.3
    tint: float = 0.08
    blur: float = 0.2
    noise: float = 0.03


class Augmenter:
    """Apply an `AugmentConfig` to batches of pictures and masks of one label set."""

    def __init__(self, config: AugmentConfig, labels: LabelSet) -> None:
        self.config = config
        self._mirror = torch.from_numpy(labels.mirror_table())

    def __call__(
        self,
        images: Tensor,
        masks: Tensor,
        size: int,
        zoom: float,
        generator: torch.Generator,
        mask_size: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Change a batch and bring it to another size in the same step.

        Args:
            images: uint8 RGB (N, S, S, 3).
            masks: uint8 (N, S, S).
            size: side of the resulting pictures in pixels.
            zoom: largest magnification; a magnified picture shows a random part of the scene.
            generator: source of randomness, on the batch's device.
            mask_size: side of the resulting masks, read from the given ones at their own pixel centres; None for `size`.

        Returns:
            float32 RGB 0..1 (N, 3, size, size) and uint8 masks (N, mask_size, mask_size) of the same place.
        """
        pictures = images.permute(0, 3, 1, 2).float() / 255.0
        draw = _Draw(images.shape[0], images.device, generator)
        flipped = draw.chance(self.config.flip)
        affine, count = self._affine(draw, flipped, zoom), images.shape[0]
        grid = F.affine_grid(affine, [count, 3, size, size], align_corners=False)
        pictures = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
        if mask_size not in (None, size):
            grid = F.affine_grid(affine, [count, 3, mask_size, mask_size], align_corners=False)
        moved = F.grid_sample(masks[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)[
            :, 0
        ].long()
        mirror = self._mirror.to(images.device)
        moved = torch.where(flipped[:, None, None], mirror[moved].long(), moved)
        return self._degrade(self._recolour(pictures, draw), draw), moved.to(torch.uint8)

    def _affine(self, draw: _Draw, flipped: Tensor, zoom: float) -> Tensor:
        """Draw where each output place is read from, float32 (N, 2, 3) in grid_sample's coordinates."""
        config = self.config
        angle = draw.between(math.radians(config.rotation_degrees))
        close = torch.exp(draw.between(math.log(zoom)).abs())
        factor = close * torch.exp(draw.between(math.log1p(config.scale)))
        cos, sin = torch.cos(angle) / factor, torch.sin(angle) / factor
        room = 2.0 * config.shift + 1.0 - 1.0 / close
        shear = draw.between(config.shear)
        side = 1.0 - 2.0 * flipped.float()
        top = torch.stack([cos * side, -sin + shear, draw.between(1.0) * room], dim=1)
        bottom = torch.stack([sin * side, cos, draw.between(1.0) * room], dim=1)
        return torch.stack([top, bottom], dim=1)

    def _recolour(self, pictures: Tensor, draw: _Draw) -> Tensor:
        config = self.config
        grey = pictures.mean(1, keepdim=True)
        pictures = grey + (pictures - grey) * (1.0 + draw.picture(config.saturation))
        middle = pictures.mean((1, 2, 3), keepdim=True)
        pictures = middle + (pictures - middle) * (1.0 + draw.picture(config.contrast))
        gain = (1.0 + draw.picture(config.brightness)) * (1.0 + draw.channels(config.tint))
        return (pictures * gain).clamp(0.0, 1.0)

    def _degrade(self, pictures: Tensor, draw: _Draw) -> Tensor:
        soft = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        soft = F.avg_pool2d(F.pad(soft, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        pictures = torch.where(draw.chance(self.config.blur)[:, None, None, None], soft, pictures)
        strength = self.config.noise * draw.picture(1.0).abs()
        return (pictures + strength * draw.normal(pictures)).clamp(0.0, 1.0)


class _Draw:
    """Draw random numbers of the shapes that a batch needs."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator) -> None:
        self._count, self._device, self._generator = count, device, generator

    def _even(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self._device, generator=self._generator)

    def chance(self, probability: float) -> Tensor:
        """Draw bool (N,)."""
        return self._even(self._count) < probability

    def between(self, limit: float) -> Tensor:
        """Draw float (N,) in -limit..limit."""
        return (self._even(self._count) * 2.0 - 1.0) * limit

    def picture(self, limit: float) -> Tensor:
        """Draw float (N, 1, 1, 1) in -limit..limit."""
        return (self._even(self._count, 1, 1, 1) * 2.0 - 1.0) * limit

    def channels(self, limit: float) -> Tensor:
        """Draw float (N, 3, 1, 1) in -limit..limit."""
        return (self._even(self._count, 3, 1, 1) * 2.0 - 1.0) * limit

    def normal(self, like: Tensor) -> Tensor:
        """Draw float, standard normal, shaped as `like`."""
        return torch.randn(like.shape, device=self._device, generator=self._generator)
