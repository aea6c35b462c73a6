"""Read datasets kept as one image file and one mask file per sample."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.image_files import IMAGE_SUFFIXES, check_ids, check_size, read_ids, read_image
from segdata.labels import LabelSet


@dataclass(frozen=True)
class Pair:
    """Name one sample's files."""

    id: str
    image: Path
    mask: Path


class PairedFiles(Dataset):
    """Read samples from `pairs`; ids found in the masks are looked up in `table`.

    Args:
        name: what the user typed.
        split: which split these pairs are.
        labels: the label set of the samples handed out.
        pairs: the files, in order.
        stored_classes: how many ids the mask files may hold.
        table: uint8[256], id in the file -> id in `labels`.

    Raises:
        DataError: if there are no pairs.
    """

    def __init__(
        self,
        name: str,
        split: str,
        labels: LabelSet,
        pairs: Sequence[Pair],
        stored_classes: int,
        table: NDArray[np.uint8],
    ) -> None:
        if not pairs:
            raise DataError(f"dataset {name} has no samples in split {split!r}; add images and masks")
        self.name, self.split, self.labels = name, split, labels
        self._pairs, self._stored_classes, self._table = tuple(pairs), stored_classes, table

    def __len__(self) -> int:
        return len(self._pairs)

    def sample_id(self, index: int) -> str:
        return self._pairs[index].id

    def __getitem__(self, index: int) -> Sample:
        """Read one pair at its own size; DataError names a damaged file, an unknown id or differing sizes."""
        if not 0 <= index < len(self._pairs):
            raise IndexError(f"sample {index} of {len(self._pairs)}")
        pair = self._pairs[index]
        image, ids = read_image(pair.image), read_ids(pair.mask)
        check_size(image, ids, pair.image, pair.mask)
        check_ids(ids, self._stored_classes, pair.mask)
        return Sample(pair.id, image, self._table[ids])

    def fingerprint(self) -> str:
        """Hash over file names, sizes and modification times."""
        return fingerprint_of(path for pair in self._pairs for path in (pair.image, pair.mask))


def fingerprint_of(paths: Iterable[Path]) -> str:
    """Return the sha256 over names, sizes in bytes and modification times of files; raises DataError if one is gone."""
    state = hashlib.sha256()
    for path in paths:
        try:
            facts = path.stat()
        except OSError:
            raise DataError(f"{path} is not there; restore it, or take out what names it") from None
        state.update(f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return state.hexdigest()


def require_folder(folder: Path, layout: str) -> None:
    """Raise DataError, quoting the expected layout, unless `folder` is a folder."""
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {problem}; the expected layout is {layout}")


def files_by_stem(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES, ending: str = "") -> dict[str, Path]:
    """Find files of `folder` whose stem ends in `ending`, by stem without it, sorted; DataError on two with one
    stem."""
    chosen = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.stem.endswith(ending)]
    return by_stem(chosen, ending)


def by_stem(paths: Iterable[Path], ending: str = "") -> dict[str, Path]:
    """Sort files by their stems without `ending`, in composed Unicode; hidden ones are left out; DataError on two with
    one stem."""
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if path.name.startswith("."):
            continue
        # A Mac's archives write an accent as a letter of its own, other systems write both as one.
        stem = unicodedata.normalize("NFC", path.stem[: len(path.stem) - len(ending)])
        if stem in found:
            raise DataError(f"{found[stem]} and {path} share the name {stem!r}; keep one of them")
        found[stem] = path
    return found


def pair_up(
    images: dict[str, Path], masks: dict[str, Path], image_home: str, mask_home: str, hint: str = ""
) -> list[Pair]:
    """Match images and masks by stem; `hint` ends the sentence about files without a partner.

    Raises:
        DataError: naming the files, if there is none or some lack a partner.
    """
    if not images and not masks:
        raise DataError(f"there are no images in {image_home}; put pictures there and their masks in {mask_home}")
    for have, lack, where in ((images, masks, mask_home), (masks, images, image_home)):
        lonely = [path for stem, path in have.items() if stem not in lack]
        if lonely:
            more, has = (f" and {len(lonely) - 1} more", "have") if len(lonely) > 1 else ("", "has")
            raise DataError(
                f"{lonely[0]}{more} {has} no partner in {where}; add the missing file of the same name{hint}"
            )
    return [Pair(stem, path, masks[stem]) for stem, path in images.items()]
