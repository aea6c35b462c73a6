"""A small network with the operators that segmentation networks have, and sources made from it.

Input and output sizes are neither square nor equal: swapped axes cannot hide.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from converters import ModelSource, PixelRange
from quantization.calibration import CalibrationSet
from validation.observing.ranges import observe_tensors

INPUT_SIZE, OUTPUT_SIZE = (64, 48), (40, 56)
CLASSES = ("background", "skin", "hair", "eyes", "lips")
COLOURS = ((0, 0, 0), (255, 200, 180), (90, 60, 30), (0, 128, 255), (220, 20, 60))


class SmallNetwork(nn.Module):
    """Convolutions, a skip, a stride, a global average through a linear layer, a bilinear resize, a pixel MLP."""

    def __init__(self, pixel_maximum: float) -> None:
        super().__init__()
        self.pixel_maximum = pixel_maximum
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.block = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1))
        self.down = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.average = nn.Linear(24, 32)
        self.project = nn.Conv2d(24, 32, 1)
        self.pixel = nn.Sequential(nn.ReLU(), nn.Conv2d(32, 32, 1), nn.ReLU(), nn.Conv2d(32, len(CLASSES), 1))
        rows = torch.linspace(-1, 1, OUTPUT_SIZE[0])[None, None, :, None]
        self.register_buffer("rows", rows * torch.randn(1, 32, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(image / self.pixel_maximum * 2 - 1))
        x = F.relu(self.down(x + self.block(x)))
        overall = self.average(F.adaptive_avg_pool2d(x, 1).flatten(1))[:, :, None, None]
        x = F.interpolate(self.project(x) + overall, size=OUTPUT_SIZE, mode="bilinear", align_corners=False)
        logits: torch.Tensor = self.pixel(x + self.rows)
        return logits


def small_network(pixel_range: PixelRange = PixelRange.UNIT) -> SmallNetwork:
    """Seeded, with weights large enough that the answer varies over the picture and every class wins somewhere."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = SmallNetwork(pixel_range.scale)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.6)
            picture = torch.from_numpy(pictures(1, seed=5)).permute(0, 3, 1, 2).float() * (pixel_range.scale / 255)
            last = network.pixel[-1]
            spread, mean = torch.std_mean(network(picture), dim=(0, 2, 3))
            last.weight.div_(spread[:, None, None, None])
            last.bias.sub_(mean).div_(spread)
    return network.eval()


def small_source(pixel_range: PixelRange = PixelRange.UNIT) -> ModelSource:
    """The network as a source."""
    return source_of(small_network(pixel_range), pixel_range, None)


def onnx_source(path: Path) -> ModelSource:
    """An ONNX file as a source."""
    return source_of(None, PixelRange.UNIT, path)


def source_of(module: nn.Module | None, pixel_range: PixelRange, path: Path | None) -> ModelSource:
    return ModelSource(
        name="small",
        classes=CLASSES,
        colours=COLOURS,
        input_size=INPUT_SIZE,
        output_size=OUTPUT_SIZE,
        pixel_range=pixel_range,
        parameters=0 if module is None else sum(item.numel() for item in module.parameters()),
        weights_sha256="0" * 64,
        origin="tests",
        module=module,
        onnx_path=path,
    )


def pictures(count: int, size: tuple[int, int] = INPUT_SIZE, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth coloured noise, uint8 (count, H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((count, 3, 8, 8), dtype=np.float32))
    fine = F.interpolate(coarse, size=size, mode="bicubic").numpy() + rng.normal(0, 0.05, (count, 3, *size))
    return np.ascontiguousarray(np.moveaxis(np.clip(fine * 255, 0, 255), 1, 3).astype(np.uint8))


def calibration(count: int = 8, size: tuple[int, int] = INPUT_SIZE) -> CalibrationSet:
    """Pictures to calibrate on; others than `test_image` uses."""
    ids = tuple(f"noise-{index}" for index in range(count))
    return CalibrationSet(pictures(count, size), ids, "noise", observer=observe_tensors)


def test_image(source: ModelSource, seed: int = 99) -> NDArray[np.float32]:
    """float32 (1, H, W, 3) in the value range of the source."""
    picture = pictures(1, source.input_size, seed).astype(np.float32)
    return picture * np.float32(source.pixel_range.scale / 255)


def torch_logits(source: ModelSource, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's own answer to NHWC `image`, as NHWC logits."""
    assert source.module is not None
    with torch.inference_mode():
        logits = source.module(torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, 3, 1))))
    return np.moveaxis(logits.numpy(), 1, 3)


def decibels(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Signal to error, 10 log10 of the ratio of their variances."""
    error = float(np.mean((found.astype(np.float64) - expected) ** 2))
    return 10 * float(np.log10(np.var(expected.astype(np.float64)) / max(error, 1e-30)))


test_image.__test__ = False  # type: ignore[attr-defined]
