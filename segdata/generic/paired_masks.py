"""Anybody's pictures: a folder of images and a folder of masks, which store ids or colours.

Layout, for all pictures at once or inside ``train/``, ``val/`` and ``test/``::

    PATH/images/NAME.jpg     (or .jpeg .png .bmp .webp; .npy: uint8 (H, W, channels) of any number of channels)
    PATH/masks/NAME.png      at the image's size: class ids, indexed or 8-bit grey, 255 ignored; or colours
    PATH/classes.txt         or another class file, see `segdata.generic.classes`
    PATH/labels.toml         optional, see `segdata.generic.changes`
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.generic.changes import LabelChanges, Vocabulary, read_changes, vocabulary
from segdata.generic.classes import CLASS_FILES, ClassFile, read_classes
from segdata.generic.splits import SPLITS, no_split, share_of
from segdata.image_files import (
    BAND_SUFFIX,
    IMAGE_SUFFIXES,
    check_ids,
    check_size,
    is_coloured,
    read_colours,
    read_ids,
    read_picture,
)
from segdata.labels import IGNORE_INDEX, LabelSet
from segdata.paired import Pair, PairedFiles, files_by_stem, fingerprint_of, pair_up, require_folder
from segdata.registry import Request

LAYOUT = "PATH/images + PATH/masks with equal file names, or the same inside PATH/train, PATH/val and PATH/test"


def open_paired(request: Request) -> Dataset:
    """Open PATH in the layout above; masks store colours where the first one does and the class file names colours.

    Raises:
        DataError: for a missing or empty folder, a missing pair, missing or bad class names.
    """
    root = Path(request.argument)
    require_folder(root, LAYOUT)
    own, changes = read_classes(root), read_changes(root)
    pairs = _pairs(root, request.split)
    if own is not None and own.has_colours and is_coloured(pairs[0].mask):
        return ColouredMasks(request, pairs, own, changes)
    labels = own.labels if own else request.labels
    if labels is None:
        raise DataError(
            f"{root} does not name its classes; add {root / CLASS_FILES[0]} with one class name a line "
            f"(or {', '.join(CLASS_FILES[1:])})"
        )
    return IndexedMasks(request, pairs, labels, changes)


class MaskFiles(PairedFiles):
    """Pairs whose masks are brought to a label set by name."""

    def __init__(
        self, request: Request, pairs: list[Pair], words: Vocabulary, layout: str, changes: LabelChanges
    ) -> None:
        super().__init__(request.spec, request.split, words.labels, pairs, words.stored, words.table)
        self.layout, self._words, self._changes = layout, words, changes

    def __getitem__(self, index: int) -> Sample:
        """Read one pair at its own size; DataError names a damaged file, an unknown id or colour, or differing sizes."""
        if not 0 <= index < len(self._pairs):
            raise IndexError(f"sample {index} of {len(self._pairs)}")
        pair = self._pairs[index]
        image, ids = read_picture(pair.image), self.stored_ids(pair.mask)
        check_size(image, ids, pair.image, pair.mask)
        return Sample(pair.id, image, self._words.table[ids])

    def stored_ids(self, path: Path) -> NDArray[np.uint8]:
        """Ids of a mask file in its own order, 255 where ignored."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Hash over file names, sizes, modification times and what labels.toml says."""
        beside = [self._changes.path] if self._changes.path.is_file() else []
        return fingerprint_of([*(path for pair in self._pairs for path in (pair.image, pair.mask)), *beside])


class IndexedMasks(MaskFiles):
    """Masks of class ids."""

    def __init__(self, request: Request, pairs: list[Pair], own: LabelSet, changes: LabelChanges) -> None:
        words = vocabulary(own.names, changes, request.labels, own)
        super().__init__(request, pairs, words, "pictures with masks of class ids", changes)

    def stored_ids(self, path: Path) -> NDArray[np.uint8]:
        ids = read_ids(path)
        for ignored in self._words.ignored_ids:
            ids[ids == ignored] = IGNORE_INDEX
        check_ids(ids, self._words.stored, path)
        return ids


class ColouredMasks(MaskFiles):
    """Masks of class colours."""

    def __init__(self, request: Request, pairs: list[Pair], own: ClassFile, changes: LabelChanges) -> None:
        words = vocabulary(own.labels.names, changes, request.labels, own.labels)
        super().__init__(
            request, pairs, words, f"pictures with colour-coded masks, colours from {own.path.name}", changes
        )
        self._class_file = own
        keys = _keys(np.array(own.labels.colours, dtype=np.uint8))
        same = [number for number in range(len(keys)) if keys[number] in keys[:number]]
        if same:
            colour, name = own.labels.colours[same[0]], own.labels.names[same[0]]
            raise DataError(
                f"{own.path} gives class {name!r} the colour {colour} of another class; make colours differ"
            )
        self._order = np.argsort(keys)
        self._sorted = keys[self._order]

    def stored_ids(self, path: Path) -> NDArray[np.uint8]:
        colours = read_colours(path)
        keys = _keys(colours)
        places = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        unknown = self._sorted[places] != keys
        if unknown.any():
            row, column = np.argwhere(unknown)[0]
            red, green, blue = (int(part) for part in colours[row, column])
            raise DataError(
                f"mask {path} has the colour ({red}, {green}, {blue}) at x={column}, y={row}, which {self._class_file.path} "
                "gives no class; add it there (ignore that class in labels.toml if it counts for nothing)"
            )
        ids: NDArray[np.uint8] = self._order[places].astype(np.uint8)
        return ids


def _keys(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One number a colour: (..., 3) -> (...)."""
    wide = colours.astype(np.int64)
    keys: NDArray[np.int64] = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return keys


def _hint(masks: Path) -> str:
    """Whether masks lie there in formats that change ids."""
    others = [
        path
        for path in sorted(masks.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES and path.suffix.lower() != ".png"
    ]
    return f" (masks are PNG files, since others change ids or colours; {others[0].name} is none)" if others else ""


def _pairs(root: Path, split: str) -> list[Pair]:
    present = [name for name in SPLITS if (root / name).is_dir()]
    if present and split not in present:
        raise no_split(root, split, present)
    home = root / split if present else root
    for part in ("images", "masks"):
        require_folder(home / part, LAYOUT)
    found = pair_up(
        files_by_stem(home / "images", (*IMAGE_SUFFIXES, BAND_SUFFIX)),
        files_by_stem(home / "masks", (".png",)),
        str(home / "images"),
        str(home / "masks"),
        _hint(home / "masks"),
    )
    if not found:
        raise DataError(f"{home} has no pictures; add images and masks")
    return found if present else share_of(split, found, root)
