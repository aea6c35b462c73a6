"""Read any folder of photographs, without labels: what a network answers can be held against another network, not
against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.generic.splits import share_of
from segdata.image_files import BAND_SUFFIX, IMAGE_SUFFIXES, read_picture
from segdata.labels import IGNORE_INDEX, LabelSet
from segdata.paired import fingerprint_of


class Photos(Dataset):
    """Hold the pictures below a folder, in the order of their paths; every pixel of every mask is ignored.

    Args:
        folder: searched with all its subfolders; files and folders whose names begin with a dot are left out.
        labels: the classes that the networks answer with.
        part: None for all pictures; ``"train"`` for every fifth, which calibrate, ``"test"`` for the others, which
            judge. A single picture is both.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """

    split = "photos"

    def __init__(self, folder: Path, labels: LabelSet, part: Literal["train", "test"] | None = None) -> None:
        if not folder.is_dir():
            problem = "is not a folder" if folder.exists() else "does not exist"
            raise DataError(f"{folder} {problem}; give a folder of photographs")
        self.name, self.labels, self._folder = f"photos:{folder}", labels, folder
        self._paths = tuple(
            path
            for path in sorted(folder.rglob("*"))
            if path.suffix.lower() in (*IMAGE_SUFFIXES, BAND_SUFFIX)
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not self._paths:
            raise DataError(f"{folder} holds no photographs ({', '.join(IMAGE_SUFFIXES)}); put some there")
        if part is not None and len(self._paths) > 1:
            self._paths = tuple(share_of(part, self._paths, folder))

    def __len__(self) -> int:
        return len(self._paths)

    def sample_id(self, index: int) -> str:
        return self._paths[index].relative_to(self._folder).as_posix()

    def __getitem__(self, index: int) -> Sample:
        """Read one photograph, turned the way its camera noted; raises DataError naming a damaged file."""
        if not 0 <= index < len(self._paths):
            raise IndexError(f"photograph {index} of {len(self._paths)}")
        image = read_picture(self._paths[index])
        return Sample(self.sample_id(index), image, np.full(image.shape[:2], IGNORE_INDEX, dtype=np.uint8))

    def mask_at(self, index: int, height: int, width: int) -> NDArray[np.uint8]:
        """Nothing is known at any size."""
        return np.full((height, width), IGNORE_INDEX, dtype=np.uint8)

    def fingerprint(self) -> str:
        """Hash over file names, sizes and modification times."""
        return fingerprint_of(self._paths)
