"""Change whole batches at random, on whatever device the batch lies.

Pictures are float32 RGB 0..1 (N, 3, H, W), masks uint8 (N, H, W). Every random number comes from the generator that is
handed in, so a step's batch depends on the seed and the step alone.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
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
        stretch: largest change of the width against the height: a factor in 1/(1+stretch) .. 1+stretch.
        grey: probability of losing all colour.
        gamma: largest change of the tone curve: an exponent in 1/(1+gamma) .. 1+gamma.
        dim: probability of a dim picture, at 0.2 to 0.7 of its light.
        low_resolution: probability of a picture that was 2 to 5 times smaller.
        jpeg: probability of compression at quality 10 to 60.
        occluder: probability of a plain or striped ellipse over the picture; what it hides becomes background.
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
    stretch: float = 0.0
    grey: float = 0.0
    gamma: float = 0.0
    dim: float = 0.0
    low_resolution: float = 0.0
    jpeg: float = 0.0
    occluder: float = 0.0


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
            mask_size: side of the resulting masks, read from the given ones at their own pixel centres; None for
                `size`.

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
        if self.config.occluder:
            pictures, moved = occluded(pictures, moved, draw, self.config.occluder)
        pictures = self._recolour(pictures, draw)
        if self.config.low_resolution:
            pictures = coarse(pictures, draw.chance(self.config.low_resolution), draw)
        pictures = self._degrade(pictures, draw)
        if self.config.jpeg:
            pictures = compressed(pictures, draw.chance(self.config.jpeg), draw)
        return pictures, moved.to(torch.uint8)

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
        if config.stretch:
            across = torch.exp(draw.between(math.log1p(config.stretch)))
            cos, sin = cos * across, sin * across
        top = torch.stack([cos * side, -sin + shear, draw.between(1.0) * room], dim=1)
        if config.stretch:
            cos, sin = cos / across, sin / across
        bottom = torch.stack([sin * side, cos, draw.between(1.0) * room], dim=1)
        return torch.stack([top, bottom], dim=1)

    def _recolour(self, pictures: Tensor, draw: _Draw) -> Tensor:
        config = self.config
        grey = pictures.mean(1, keepdim=True)
        pictures = grey + (pictures - grey) * (1.0 + draw.picture(config.saturation))
        middle = pictures.mean((1, 2, 3), keepdim=True)
        pictures = middle + (pictures - middle) * (1.0 + draw.picture(config.contrast))
        gain = (1.0 + draw.picture(config.brightness)) * (1.0 + draw.channels(config.tint))
        if config.dim:
            dim = draw.chance(config.dim).float()[:, None, None, None]
            gain = gain * (1.0 - dim * (0.55 + draw.picture(0.25)))
        pictures = (pictures * gain).clamp(0.0, 1.0)
        if config.gamma:
            pictures = pictures ** torch.exp(draw.picture(math.log1p(config.gamma)))
        if config.grey:
            lost = draw.chance(config.grey)[:, None, None, None]
            pictures = torch.where(lost, pictures.mean(1, keepdim=True), pictures)
        return pictures

    def _degrade(self, pictures: Tensor, draw: _Draw) -> Tensor:
        soft = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        soft = F.avg_pool2d(F.pad(soft, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        pictures = torch.where(draw.chance(self.config.blur)[:, None, None, None], soft, pictures)
        strength = self.config.noise * draw.picture(1.0).abs()
        return (pictures + strength * draw.normal(pictures)).clamp(0.0, 1.0)


def occluded(pictures: Tensor, masks: Tensor, draw: _Draw, probability: float) -> tuple[Tensor, Tensor]:
    """Lay an ellipse of one colour, or of two in stripes, over some pictures; masks become 0 (background) there.

    Args:
        pictures: float32 (N, 3, H, W), 0..1.
        masks: int64 (N, H', W').
        draw: source of randomness.
        probability: of each picture to be covered in part.
    """
    count, device = pictures.shape[0], pictures.device
    hit = draw.chance(probability)[:, None, None]
    place, angle = draw.between(0.9), draw.between(math.pi)
    height, reach, width = draw.between(0.9), 0.08 + 0.3 * draw.between(1.0).abs(), 0.08 + 0.3 * draw.between(1.0).abs()
    colours = draw.channels(0.5) + 0.5, draw.channels(0.5) + 0.5
    waves = 4.0 + 30.0 * draw.between(1.0).abs()

    def along(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        y = torch.linspace(-1, 1, shape[0], device=device)[None, :, None] - height[:, None, None]
        x = torch.linspace(-1, 1, shape[1], device=device)[None, None, :] - place[:, None, None]
        cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
        return (cos * x + sin * y) / reach[:, None, None], (cos * y - sin * x) / width[:, None, None]

    def inside(shape: tuple[int, int]) -> Tensor:
        u, v = along(shape)
        return hit & (u * u + v * v < 1.0)

    u, _ = along((pictures.shape[2], pictures.shape[3]))
    stripes = (torch.sin(u * waves[:, None, None]) > 0.3)[:, None]
    cover = torch.where(stripes, colours[0], colours[1]).expand(count, 3, -1, -1)
    covered = torch.where(inside((pictures.shape[2], pictures.shape[3]))[:, None], cover, pictures)
    return covered, torch.where(inside((masks.shape[1], masks.shape[2])), torch.zeros_like(masks), masks)


def coarse(pictures: Tensor, chosen: Tensor, draw: _Draw) -> Tensor:
    """Make the chosen pictures (bool (N,)) as soft as if they had been 2 to 5 times smaller."""
    size = pictures.shape[-2:]
    factors = 2.0 + 3.0 * draw.between(1.0).abs()
    changed = pictures.clone()
    for number in torch.nonzero(chosen)[:, 0].tolist():
        small = [max(8, round(side / float(factors[number]))) for side in size]
        one = F.interpolate(pictures[number : number + 1], small, mode="bilinear", antialias=True)
        changed[number] = F.interpolate(one, size, mode="bilinear")[0]
    return changed.clamp(0.0, 1.0)


def compressed(pictures: Tensor, chosen: Tensor, draw: _Draw) -> Tensor:
    """Send the chosen pictures (bool (N,)) through JPEG at quality 10 to 60."""
    qualities = (10.0 + 50.0 * draw.between(1.0).abs()).round().int().tolist()
    changed = pictures.clone()
    for number in torch.nonzero(chosen)[:, 0].tolist():
        pixels = (pictures[number].permute(1, 2, 0).cpu().numpy() * 255.0).round().astype("uint8")
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=qualities[number])
        read = np.asarray(Image.open(buffer), dtype=np.float32) / 255.0
        changed[number] = torch.from_numpy(read.copy()).permute(2, 0, 1).to(pictures.device)
    return changed


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
