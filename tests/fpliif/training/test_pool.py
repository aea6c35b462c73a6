"""The pool of scenes: filled once, resumed, made anew when the data changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import fpliif.training.pool
from fpliif.errors import TrainingError
from fpliif.training.pool import open_pool
from segdata.dataset import Dataset, Sample
from segdata.labels import FACE11


class Numbers(Dataset):
    """Samples whose pixels spell their number; counts how often it is read."""

    def __init__(self, length: int, version: str = "1", stop_at: int | None = None, odd_one: int | None = None) -> None:
        self.name, self.split, self.labels = "numbers", "train", FACE11
        self.length, self.version, self.stop_at, self.odd_one = length, version, stop_at, odd_one
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.length

    def sample_id(self, index: int) -> str:
        return str(index)

    def fingerprint(self) -> str:
        return self.version

    def __getitem__(self, index: int) -> Sample:
        if index == self.stop_at:
            raise KeyboardInterrupt
        self.read.append(index)
        size = 5 if index == self.odd_one else 4
        shape = (size, size)
        return Sample(str(index), np.full((*shape, 3), index, np.uint8), np.full(shape, index % 11, np.uint8))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fpliif.training.pool, "CHUNK", 4)


def test_filled_once_and_then_only_opened(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    pool = open_pool(Numbers(10), tmp_path, progress=lambda ready, wanted: seen.append((ready, wanted)))
    assert seen == [(4, 10), (8, 10), (10, 10)]
    assert len(pool) == 10
    assert [int(image[0, 0, 0]) for image in pool.images] == list(range(10))
    again = Numbers(10)
    assert np.array_equal(open_pool(again, tmp_path).masks, pool.masks)
    assert again.read == [0]  # only to learn the size


def test_an_interrupted_filling_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        open_pool(Numbers(10, stop_at=6), tmp_path)
    second = Numbers(10)
    pool = open_pool(second, tmp_path)
    assert second.read == [0, 4, 5, 6, 7, 8, 9]
    assert [int(mask[0, 0]) for mask in pool.masks] == list(range(10))


def test_changed_data_is_read_anew(tmp_path: Path) -> None:
    open_pool(Numbers(5), tmp_path)
    changed = Numbers(5, version="2")
    open_pool(changed, tmp_path)
    assert changed.read == [0, 0, 1, 2, 3, 4]


def test_workers_give_the_same_pool(tmp_path: Path) -> None:
    alone, together = open_pool(Numbers(9), tmp_path / "1"), open_pool(Numbers(9), tmp_path / "2", workers=2)
    assert np.array_equal(alone.images, together.images)
    assert np.array_equal(alone.masks, together.masks)


def test_a_sample_of_another_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="sample 3 is 5x5 where 4x4 was expected"):
        open_pool(Numbers(6, odd_one=3), tmp_path)


def test_fetch_reads_by_number_from_disk_and_from_memory(tmp_path: Path) -> None:
    pool = open_pool(Numbers(6), tmp_path)
    order = np.array([4, 1, 1])
    for kind in (pool, pool.on(torch.device("cpu"))):
        images, masks = kind.fetch(order, torch.device("cpu"))
        assert images[:, 0, 0, 0].tolist() == [4, 1, 1]
        assert masks.shape == (3, 4, 4)
