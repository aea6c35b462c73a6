"""Count for a layer-by-layer search; the sums are kept on disk after every picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray


@dataclass
class Tally:
    """Hold sums over the pictures done. The first row is the float network, the others are one layer quantized each.

    Attributes:
        counts: int64 (1 + layers, classes, classes), pixels by true and answered class.
        noise: float64 (1 + layers,), squared differences of the logits from the float network's.
        flipped: int64 (1 + layers,), pixels that changed class.
        signal: float64 (), squared logits of the float network.
        pixels: int64 (), judged so far.
        pictures: int64 (), done.
    """

    counts: NDArray[np.int64]
    noise: NDArray[np.float64]
    flipped: NDArray[np.int64]
    signal: NDArray[np.float64]
    pixels: NDArray[np.int64]
    pictures: NDArray[np.int64]

    @classmethod
    def empty(cls, layers: int, classes: int) -> Self:
        """Begin with nothing counted."""
        rows = 1 + layers
        return cls(
            np.zeros((rows, classes, classes), np.int64),
            np.zeros(rows),
            np.zeros(rows, np.int64),
            np.zeros(()),
            np.zeros((), np.int64),
            np.zeros((), np.int64),
        )

    @classmethod
    def read(cls, path: Path, key: str, layers: int, classes: int) -> Self:
        """Read what was kept under this key; nothing counted if there is none, or it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                if str(stored["key"]) == key:
                    return cls(**{name: stored[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            pass  # measured from the start
        return cls.empty(layers, classes)

    def write(self, path: Path, key: str) -> None:
        """Keep everything, replacing what was kept before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with unfinished.open("wb") as file:
                np.savez(file, key=np.str_(key), **vars(self))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
