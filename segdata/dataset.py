"""The Dataset contract: numbered pictures with masks, one label set, one split, one digest."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdata.labels import LabelSet


@dataclass(frozen=True)
class Sample:
    """One picture with its labels.

    Attributes:
        id: stable name of the sample inside its dataset; goes into the manifest.
        image: uint8 RGB, shape (H, W, 3); or other channels, as stored.
        mask: uint8 class ids, shape (H, W); 255 is ignored.
    """

    id: str
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


class Dataset(ABC):
    """A fixed, ordered collection of samples. Reading a sample twice gives equal bytes.

    Attributes:
        name: what the user typed to get it, e.g. ``"synthetic-faces"``.
        split: ``"train"``, ``"val"`` or ``"test"``.
        labels: the label set its masks use.
        layout: for people: what the files were taken for, e.g. ``"COCO panoptic, val.json"``; empty where a name says
            it all.
        ignores: True if pixels are ignored on purpose: labels.toml asks for it, or nothing covers them.
    """

    name: str
    split: str
    labels: LabelSet
    layout: str = ""
    ignores: bool = False

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def sample_id(self, index: int) -> str:
        """The id of sample `index` without reading it."""

    @abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """Read sample `index` (0 <= index < len); raises DataError naming the file when it cannot be read."""

    def mask_at(self, index: int, height: int, width: int) -> NDArray[np.uint8] | None:
        """Labels of sample `index` drawn exactly at a size, uint8 (height, width); None where only its own size
        exists."""
        return None

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    @abstractmethod
    def fingerprint(self) -> str:
        """A string that changes whenever the content of any sample may have changed (cheap: no decoding)."""

    def digest(self) -> str:
        """sha256 over name, split, labels, sample ids and fingerprint; identifies the data in a manifest."""
        state = hashlib.sha256()
        for part in (self.name, self.split, *self.labels.names, self.fingerprint()):
            state.update(part.encode() + b"\0")
        for index in range(len(self)):
            state.update(self.sample_id(index).encode() + b"\0")
        return state.hexdigest()
