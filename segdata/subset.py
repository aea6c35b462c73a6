"""The first few samples of a dataset."""

from __future__ import annotations

from segdata.dataset import Dataset, Sample


class FirstSamples(Dataset):
    """The first `limit` samples of `whole` (all of them if it has fewer)."""

    def __init__(self, whole: Dataset, limit: int) -> None:
        self.name, self.split, self.labels = whole.name, whole.split, whole.labels
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

    def fingerprint(self) -> str:
        """The whole dataset's fingerprint and how many samples are taken."""
        return f"{self._whole.fingerprint()} first={self._length}"
