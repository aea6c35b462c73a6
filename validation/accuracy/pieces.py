"""Counted pictures kept on disk while a validation goes on, so that one that is killed continues where it was.

A piece is believed only if everything that decides its counts is the same, and if the first picture of the first piece
is counted alike once more: weights, runtime or dataset code may have changed in ways that no name shows. A finished
report needs no pieces; they are cleared then.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segdata import Dataset
from validation.accuracy.counting import ARRAYS, Piece, Task
from validation.errors import ValidationError
from validation.runners.base.contract import Runner

_VERSION = 3


@dataclass(frozen=True)
class PieceStore:
    """A folder of pieces, one sub-folder a validation.

    Attributes:
        folder: below the run folder's cache; safe to delete.
    """

    folder: Path

    def book(self, runner: Runner, dataset: Dataset, indices: Sequence[int], size: int, task: Task) -> PieceBook:
        """The pieces of one validation: `indices` of a dataset shown to one runner, `size` pictures a piece."""
        artifact = runner.artifact
        decides: dict[str, Any] = {
            "version": _VERSION,
            "artifact": [artifact.name, artifact.format, artifact.sha256, artifact.key, artifact.signature],
            "ends": [dataclasses.asdict(artifact.image), dataclasses.asdict(artifact.output)],
            "runner": [runner.name, runner.backend, runner.threads],
            "dataset": dataset.digest(),
            "indices": hashlib.sha256(np.asarray(indices, dtype=np.int64).tobytes()).hexdigest(),
            "task": [task.references is not None, task.keep_labels, task.judge_at, size],
        }
        name = hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()[:32]
        return PieceBook(self.folder / name)

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class PieceBook:
    """The pieces of one validation, numbered."""

    folder: Path

    def load(self, number: int) -> Piece | None:
        """A piece that was finished; None if there is none, or it cannot be read."""
        try:
            with np.load(self._path(number), allow_pickle=False) as stored:
                arrays = {name: stored.get(name) for name in ARRAYS}
                return Piece(tuple(str(name) for name in stored["ids"]), **arrays)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None

    def save(self, number: int, piece: Piece) -> None:
        """Write a piece whole or not at all; raises ValidationError if the folder cannot be written to."""
        arrays = {name: getattr(piece, name) for name in ARRAYS if getattr(piece, name) is not None}
        path = self._path(number)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                np.savez_compressed(file, ids=np.array(piece.ids), **arrays)
            unfinished.replace(path)
        except OSError as error:
            raise ValidationError(f"cannot keep counts in {self.folder} ({error.strerror or error})") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def forget(self) -> None:
        """Delete all its pieces."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def piece_size(pictures: int) -> int:
    """Pictures a piece: few enough to lose little, and at most a thousand pieces until those would grow large."""
    return min(256, max(8, -(-pictures // 1000)))
