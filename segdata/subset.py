"""Some samples of a dataset: the first few, or chosen ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError


class FirstSamples(Dataset):
    """The first `limit` samples of `whole` (all of them if it has fewer)."""

    def __init__(self, whole: Dataset, limit: int) -> None:
        self.name, self.split, self.labels, self.layout = whole.name, whole.split, whole.labels, whole.layout
        self.ignores = whole.ignores
        self._whole, self._length = whole, min(limit, len(whole))

    def __len__(self) -> int:
        return self._length

    def _checked(self, index: int) -> int:
        if not 0 <= index < self._length:
            raise IndexError(f"sample {index} of {self._length}")
        return index

    def sample_id(self, index: int) -> str:
        return self._whole.sample_id(self._checked(index))

    def __getitem__(self, index: int) -> Sample:
        return self._whole[self._checked(index)]

    def mask_at(self, index: int, height: int, width: int) -> NDArray[np.uint8] | None:
        return self._whole.mask_at(self._checked(index), height, width)

    def fingerprint(self) -> str:
        """The whole dataset's fingerprint and how many samples are taken."""
        return f"{self._whole.fingerprint()} first={self._length}"


class ChosenSamples(Dataset):
    """The samples of `whole` at `places`, in that order, as a split of its own.

    Raises:
        DataError: if `places` is empty.
    """

    def __init__(self, whole: Dataset, places: Sequence[int], split: str) -> None:
        if not places:
            raise DataError(f"dataset {whole.name} is too small to take a {split!r} split from; add samples")
        self.name, self.split, self.labels, self.layout = whole.name, split, whole.labels, whole.layout
        self.ignores = whole.ignores
        self._whole, self._places = whole, tuple(places)

    def __len__(self) -> int:
        return len(self._places)

    def _place(self, index: int) -> int:
        if not 0 <= index < len(self._places):
            raise IndexError(f"sample {index} of {len(self._places)}")
        return self._places[index]

    def sample_id(self, index: int) -> str:
        return self._whole.sample_id(self._place(index))

    def __getitem__(self, index: int) -> Sample:
        return self._whole[self._place(index)]

    def mask_at(self, index: int, height: int, width: int) -> NDArray[np.uint8] | None:
        return self._whole.mask_at(self._place(index), height, width)

    def fingerprint(self) -> str:
        """The whole dataset's fingerprint; which samples are taken shows in their ids."""
        return f"{self._whole.fingerprint()} chosen"
