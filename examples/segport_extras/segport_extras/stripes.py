"""Draw a dataset in a few lines: vertical stripes, each class in its own colour, under noise."""

from __future__ import annotations

import numpy as np

from segdata import Dataset, LabelSet, Sample
from segdata.registry import Request, dataset

STRIPES = LabelSet(
    name="stripes",
    names=("night", "sand", "sea", "leaf"),
    colours=((10, 10, 40), (230, 200, 140), (30, 90, 200), (60, 160, 60)),
    mirrored=(),
)
SEEDS = {"train": 0, "val": 1_000_000, "test": 2_000_000}


class Stripes(Dataset):
    """Draw pictures of `size` x `size`; sample i of a split is the same on every machine."""

    def __init__(self, split: str, size: int, count: int) -> None:
        self.name, self.split, self.labels = "stripes", split, STRIPES
        self._size, self._count = size, count

    def __len__(self) -> int:
        return self._count

    def sample_id(self, index: int) -> str:
        return f"{self.split}-{index}"

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self._count:
            raise IndexError(f"stripes has no sample {index}; it has {self._count}")
        random = np.random.default_rng(SEEDS[self.split] + index)
        row = np.repeat(random.integers(0, len(STRIPES), 8), -(-self._size // 8))[: self._size]
        mask = np.tile(row.astype(np.uint8), (self._size, 1))
        image = STRIPES.colourize(mask).astype(np.float64) + random.normal(0, 12, (self._size, self._size, 3))
        return Sample(self.sample_id(index), np.clip(image, 0, 255).astype(np.uint8), mask)

    def fingerprint(self) -> str:
        return f"stripes 1, {self._size} pixels"


@dataset("stripes", summary="noisy stripes of four colours, drawn")
def open_stripes(request: Request) -> Dataset:
    """Open as many samples as asked for, 100 by default."""
    return Stripes(request.split, request.size, request.limit or 100)
