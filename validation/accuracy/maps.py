"""Label maps of a whole dataset on disk, so that memory does not grow with the number of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from validation.errors import ValidationError


@dataclass(frozen=True)
class LabelMaps:
    """A uint8 .npy file of shape (N, h, w): the label map of picture i of a dataset in row i.

    Attributes:
        path: the file.
        shape: (N, h, w).
    """

    path: Path
    shape: tuple[int, int, int]

    @classmethod
    def at(cls, path: Path) -> LabelMaps:
        """Maps written earlier; raises ValidationError if the file is missing or holds something else."""
        try:
            maps = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValidationError(f"{path} holds no label maps ({error}); validate again") from error
        if maps.dtype != np.uint8 or maps.ndim != 3:
            raise ValidationError(f"{path} holds {maps.dtype} {maps.shape}, not uint8 label maps; validate again")
        return cls(path, maps.shape)

    def open_margins(self) -> NDArray[np.float16] | None:
        """How sure the answers were, float16 of the same shape (see `margin_map`); None if that was not recorded."""
        path = margins_beside(self.path)
        try:
            found: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError) as error:
            raise ValidationError(f"{path} holds no margins ({error}); validate again") from error
        if found.shape != self.shape or found.dtype != np.float16:
            raise ValidationError(f"{path} holds no margins of these pictures; validate again")
        return found

    def open(self) -> NDArray[np.uint8]:
        """The maps, read from disk as they are looked at."""
        maps: NDArray[np.uint8] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return maps


def margins_beside(path: Path) -> Path:
    """Where the margins of the label maps at `path` lie."""
    return path.with_name(f"{path.stem}-margins{path.suffix}")


@dataclass(frozen=True)
class MapWriter:
    """A .npy file of maps that is being written. It is mapped anew each time: what was written is not ours to hold."""

    path: Path

    def write(self, rows: Sequence[int], maps: NDArray[Any]) -> None:
        """Put maps (n, h, w) into these rows."""
        np.load(self.path, mmap_mode="r+", allow_pickle=False)[list(rows)] = maps


@contextmanager
def writing_maps(path: Path, shape: tuple[int, int, int], dtype: type[np.generic] = np.uint8) -> Iterator[MapWriter]:
    """Create `path` row by row; it appears under its name only if the block ends well.

    Raises:
        ValidationError: the folder cannot be written to.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        open_memmap(unfinished, mode="w+", dtype=dtype, shape=shape)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise ValidationError(f"cannot write label maps to {path} ({error.strerror or error})") from error
    try:
        yield MapWriter(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
