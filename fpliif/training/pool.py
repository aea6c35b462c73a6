"""Pool scenes on disk: read (or drawn) once, then fetched by number in microseconds.

Two uint8 .npy files, memory-mapped, and ``pool.json`` which says what they hold and how far they are filled. A pool
whose description no longer matches its dataset is made anew; one that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fpliif.checkpoint import replace_file
from fpliif.errors import TrainingError
from segdata.dataset import Dataset, Sample

CHUNK = 256
"""Scenes between two notes of progress on disk; an interruption loses fewer than this."""

Progress = Callable[[int, int], None]
"""Called with (scenes ready, scenes wanted)."""


@dataclass(frozen=True)
class Pool:
    """Hold scenes of one size.

    Attributes:
        images: uint8 RGB (count, size, size, 3), on disk or in memory.
        masks: uint8 (count, size, size).
    """

    images: NDArray[np.uint8] | Tensor
    masks: NDArray[np.uint8] | Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Return the side of the pictures in pixels."""
        return int(self.images.shape[1])

    @property
    def bytes(self) -> int:
        """Count the bytes of pictures and masks, on disk or in memory."""
        return disk_bytes(len(self), self.size)

    def on(self, device: torch.device) -> Pool:
        """Copy to tensors on `device`, piece by piece: the pool need not fit into main memory."""
        return Pool(_moved(self.images, device), _moved(self.masks, device))

    def fetch(self, order: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """Fetch the scenes numbered `order`: uint8 images (n, size, size, 3) and masks (n, size, size) on `device`."""
        if isinstance(self.images, Tensor) and isinstance(self.masks, Tensor):
            places = torch.from_numpy(order).to(self.images.device)
            return self.images[places].to(device), self.masks[places].to(device)
        return torch.from_numpy(self.images[order]).to(device), torch.from_numpy(self.masks[order]).to(device)


def disk_bytes(count: int, size: int) -> int:
    """Count the bytes of `count` square samples of side `size` in a pool: three a pixel and one for its label."""
    return count * size * size * 4


def _moved(scenes: NDArray[np.uint8] | Tensor, device: torch.device) -> Tensor:
    target = torch.empty(tuple(scenes.shape), dtype=torch.uint8, device=device)
    for first in range(0, len(scenes), CHUNK):
        target[first : first + CHUNK] = torch.as_tensor(np.array(scenes[first : first + CHUNK]))
    return target


def open_pool(dataset: Dataset, folder: Path, workers: int = 1, progress: Progress | None = None) -> Pool:
    """Open the pool of all samples of `dataset` under `folder`, filled first if it is not.

    Args:
        dataset: square samples of one size.
        folder: where the files lie or will lie.
        workers: processes that read or draw samples; the result does not depend on it.
        progress: told how far it is.

    Raises:
        TrainingError: if samples differ in size or are not square, the files on disk are damaged, or the disk is full.
        DataError: from the dataset.
    """
    first = dataset[0]
    size = first.mask.shape[0]
    _check_shape(first, size)
    wanted = {"digest": dataset.digest(), "count": len(dataset), "size": size}
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "pool.json"
    ready = _ready(note, wanted)
    _check_room(folder, len(dataset), len(dataset) - ready, size)
    mode: Any = "r+" if ready else "w+"
    images = _mapped(folder / "images.npy", mode, (len(dataset), size, size, 3))
    masks = _mapped(folder / "masks.npy", mode, (len(dataset), size, size))
    if ready < len(dataset):
        for place, sample in enumerate(_samples(dataset, range(ready, len(dataset)), workers), start=ready):
            _check_shape(sample, size)
            images[place], masks[place] = sample.image, sample.mask
            done = place + 1
            if done % CHUNK == 0 or done == len(dataset):
                images.flush()
                masks.flush()
                replace_file(note, json.dumps({**wanted, "ready": done}).encode())
                if progress:
                    progress(done, len(dataset))
    return Pool(images, masks)


def _check_shape(sample: Sample, size: int) -> None:
    if sample.image.shape != (size, size, 3) or sample.mask.shape != (size, size):
        raise TrainingError(
            f"sample {sample.id} is {sample.image.shape[1]}x{sample.image.shape[0]} where {size}x{size} was expected; "
            "training needs square samples of one size"
        )


def _check_room(folder: Path, count: int, missing: int, size: int) -> None:
    """Raise TrainingError now rather than when the disk is full."""
    needed, free = disk_bytes(missing, size), shutil.disk_usage(folder).free
    if needed > free:
        raise TrainingError(
            f"{count} pictures of {size}x{size} need {needed / 1e9:.1f} GB in {folder} but {free / 1e9:.1f} GB are"
            " free; make room, choose another output folder, or set data.size or data.limit lower"
        )


def _ready(note: Path, wanted: dict[str, Any]) -> int:
    """Count the scenes on disk that belong to this dataset."""
    if not note.is_file():
        return 0
    found = json.loads(note.read_text())
    ready = int(found.pop("ready", 0))
    return ready if found == wanted else 0


def _mapped(path: Path, mode: Any, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    try:
        mapped: np.memmap[Any, np.dtype[np.uint8]] = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            path, mode=mode, dtype=np.uint8, shape=shape
        )
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be used as a scene pool ({error}); delete its folder") from None
    return mapped


def _samples(dataset: Dataset, order: range, workers: int) -> Iterator[Sample]:
    if workers <= 1:
        yield from (dataset[index] for index in order)
        return
    # Fresh interpreters: forking a process in which torch already runs threads can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), _remember, (dataset,)) as executor:
        # A stretch at a time: workers that are quicker than the disk must not pile up samples in memory.
        for first in range(0, len(order), CHUNK):
            yield from executor.map(_read, order[first : first + CHUNK], chunksize=4)


_dataset: Dataset | None = None
"""The dataset of a worker process."""


def _remember(dataset: Dataset) -> None:
    global _dataset  # noqa: PLW0603 -- the only way to hand a worker process its state once instead of per sample
    _dataset = dataset


def _read(index: int) -> Sample:
    assert _dataset is not None
    return _dataset[index]
