"""Per-picture confusion matrices on disk, so that two runs can be compared picture by picture later.

Small whatever the pictures' size: 4 bytes a cell before compression. A file says of which pictures and which artifact
it speaks; whoever reads it holds that against what is compared.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters import Artifact
from validation.accuracy.result import AccuracyResult
from validation.errors import ValidationError


@dataclass(frozen=True, eq=False)
class Matrices:
    """One run's matrices.

    Attributes:
        per_image: uint32 (N, C, C), rows truth.
        ids: sample ids, in order.
        dataset: digest of the pictures that judged.
        artifact: sha256 of the file that answered.
        evaluated_at: (height, width) of the answer.
        judged_at: whose pixels were counted.
    """

    per_image: NDArray[np.uint32]
    ids: tuple[str, ...]
    dataset: str
    artifact: str
    evaluated_at: tuple[int, int]
    judged_at: str

    def pairs_with(self, other: Matrices) -> bool:
        """Whether both speak of the same pixels of the same pictures."""
        mine, theirs = ((item.dataset, item.ids, item.evaluated_at, item.judged_at) for item in (self, other))
        return mine == theirs and self.per_image.shape == other.per_image.shape


@dataclass(frozen=True)
class MatrixStore:
    """Where the matrices of a run folder lie.

    Attributes:
        folder: made when something is saved.
        dataset: digest of the pictures that judge now.
    """

    folder: Path
    dataset: str = ""

    def save(self, artifact: Artifact, runner: str, backend: str, result: AccuracyResult) -> None:
        """Write whole or not at all; raises ValidationError if the folder cannot be written to."""
        self._write(self._path(artifact.name, runner, backend, artifact.signature), artifact.sha256, result)

    def save_reference(self, weights: str, result: AccuracyResult) -> None:
        """The float reference's counts at one output size, which what was measured elsewhere is compared with; as
        `save`."""
        self._write(self._reference(result.evaluated_at), weights, result)

    def load_reference(self, size: tuple[int, int]) -> Matrices | None:
        """What `save_reference` wrote for answers of (height, width); None as for `load`."""
        return self._read(self._reference(size))

    def _reference(self, size: tuple[int, int]) -> Path:
        return self.folder / "reference" / f"{size[0]}x{size[1]}.npz"

    def _write(self, path: Path, sha256: str, result: AccuracyResult) -> None:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                np.savez_compressed(
                    file,
                    per_image=result.per_image,
                    ids=np.array(result.sample_ids),
                    evaluated_at=result.evaluated_at,
                    texts=np.array([self.dataset, sha256, result.judged_at]),
                )
            unfinished.replace(path)
        except OSError as error:
            raise ValidationError(f"cannot keep counts in {self.folder} ({error.strerror or error})") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def load(self, artifact: str, runner: str, backend: str, signature: str | None) -> Matrices | None:
        """What `save` wrote; None if there is nothing, or nothing that can be read."""
        return self._read(self._path(artifact, runner, backend, signature))

    @staticmethod
    def _read(path: Path) -> Matrices | None:
        try:
            with np.load(path, allow_pickle=False) as stored:
                dataset, sha256, judged_at = (str(text) for text in stored["texts"])
                height, width = (int(size) for size in stored["evaluated_at"])
                ids = tuple(str(name) for name in stored["ids"])
                return Matrices(stored["per_image"], ids, dataset, sha256, (height, width), judged_at)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None

    def _path(self, artifact: str, runner: str, backend: str, signature: str | None) -> Path:
        parts = [part for part in (artifact, runner, backend, signature) if part]
        return self.folder / (re.sub(r"[^\w.-]", "_", "--".join(parts)) + ".npz")
