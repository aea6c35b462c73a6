"""Synthetic faces as a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.faces.synthetic.drawing import GENERATOR_VERSION, LARGEST, SMALLEST, check_size, draw_face, masks_at
from segdata.faces.synthetic.masks import class_table
from segdata.labels import FACE11, FACE19, LabelSet
from segdata.registry import Request, dataset

LENGTHS = {"train": 20_000, "val": 1_000, "test": 1_000}
"""Samples per split unless asked otherwise; drawn on demand, so a number costs nothing."""


class SyntheticFaces(Dataset):
    """Drawn faces: sample i of a split depends only on (seed, split, i) and the generator's version.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``; splits never share a scene.
        labels: FACE11 or FACE19.
        size: side of the square pictures in pixels.
        length: number of samples; `LENGTHS[split]` when None.
        seed: another seed gives another collection.
        name: what the user typed.

    Raises:
        DataError: for an unknown split, an unsupported label set, a bad size or length.
    """

    def __init__(
        self,
        split: str,
        labels: LabelSet = FACE11,
        size: int = 256,
        length: int | None = None,
        seed: int = 0,
        name: str = "synthetic-faces",
    ) -> None:
        if split not in LENGTHS:
            raise DataError(f"synthetic faces have no split {split!r}; choose one of: {', '.join(LENGTHS)}")
        if length is not None and length < 1:
            raise DataError(f"{length} synthetic faces were asked for; ask for at least one")
        class_table(labels)
        check_size(size)
        self.name = name
        self.split = split
        self.labels = labels
        self.size = size
        self.seed = seed
        self._length = LENGTHS[split] if length is None else length

    def __len__(self) -> int:
        return self._length

    def sample_id(self, index: int) -> str:
        """``"split-seed-number"``."""
        return f"{self.split}-{self.seed}-{index:06d}"

    def scene_seed(self, index: int) -> int:
        """The integer that `draw_face` takes for sample `index`: 60 bits of a hash of (seed, split, index)."""
        if not 0 <= index < self._length:
            raise IndexError(f"sample {index} of {self._length}")
        digest = hashlib.sha256(f"{self.seed}/{self.split}/{index}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 4

    def __getitem__(self, index: int) -> Sample:
        image, mask = draw_face(self.scene_seed(index), self.size, self.labels)
        return Sample(self.sample_id(index), image, mask)

    def masks_at(self, index: int, sizes: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        """Sample `index`'s mask drawn exactly at each of `sizes`: {size: uint8 (size, size)}."""
        return masks_at(self.scene_seed(index), sizes, self.labels)

    def mask_at(self, index: int, height: int, width: int) -> NDArray[np.uint8] | None:
        """Drawn at every square size that faces are drawn at."""
        if height != width or not SMALLEST <= height <= LARGEST:
            return None
        return self.masks_at(index, (height,))[height]

    def fingerprint(self) -> str:
        """Generator version, seed and size."""
        return f"{GENERATOR_VERSION} seed={self.seed} size={self.size}"


@dataset("synthetic-faces", argument="[LABELS]", summary="drawn faces with exact masks, face11 (default) or face19")
def open_synthetic_faces(request: Request) -> Dataset:
    """Draw faces at `request.size`; DataError if LABELS is unknown or contradicts the label set asked for."""
    labels = request.labels or FACE11
    if request.argument:
        known = {known.name: known for known in (FACE11, FACE19)}
        if request.argument not in known:
            raise DataError(f"synthetic faces have no labels {request.argument!r}; choose one of: {', '.join(known)}")
        labels = known[request.argument]
        if request.labels is not None and request.labels != labels:
            raise DataError(
                f"{request.spec} asks for {labels.name} but {request.labels.name} is needed; write synthetic-faces"
                " alone"
            )
    return SyntheticFaces(request.split, labels, request.size, request.limit, name=request.spec)
