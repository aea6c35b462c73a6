"""A network of two convolutions and random pictures with masks, small enough for every test.

Input 16x24 and output 8x12: height and width differ and so do input and output, so that a swap of any two shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from hypothesis import settings
from numpy.typing import NDArray
from torch import Tensor, nn

from converters import Artifact
from segdata import Dataset, LabelSet, Sample

REPEATABLE = settings(deadline=None, derandomize=True)
"""The same examples every time, however slow the machine."""

CLASSES = ("background", "a", "b", "c")
COLOURS = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255))
HEIGHT, WIDTH = 16, 24
OUT_HEIGHT, OUT_WIDTH = 8, 12


class TinyNet(nn.Module):
    """Two convolutions, the first with stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, len(CLASSES), 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(image)))


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class MemoryDataset(Dataset):
    """Random pictures; masks are what `truth` says of them, with noise."""

    def __init__(self, count: int, mask_of: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]) -> None:
        self.name, self.split, self.labels = "tiny", "test", LabelSet("tiny", CLASSES, COLOURS)
        self._count, self._mask_of = count, mask_of

    def __len__(self) -> int:
        return self._count

    def sample_id(self, index: int) -> str:
        return f"tiny-{index:03d}"

    def __getitem__(self, index: int) -> Sample:
        image = picture(index)
        return Sample(self.sample_id(index), image, self._mask_of(image, index))

    def fingerprint(self) -> str:
        return str(self._count)


def damaged(artifact: Artifact, folder: Path) -> Artifact:
    """The same artifact with a file that is no model."""
    path = folder / artifact.path.name
    if artifact.path.is_dir():
        path.mkdir()
        (path / "Manifest.json").write_text("{}")
    else:
        path.write_bytes(b"no model at all" * 10)
    return dataclasses.replace(artifact, path=path)
