"""Read anybody's pictures: a folder of images and a folder of masks, which store ids, colours, or black and white.

Where they may lie says `segdata.generic.places.layouts`, how their names may differ `segdata.generic.places.partners`,
and what masks may store `segdata.generic.masks.mask_code`. The plain form::

    PATH/images/NAME.jpg     (or another picture file; .npy: uint8 (H, W, channels) of any number of channels)
    PATH/masks/NAME.png      at the image's size: class ids, indexed or 8-bit grey, 255 ignored; or colours
    PATH/classes.txt         or another class file, see `segdata.generic.classes`
    PATH/labels.toml         optional, see `segdata.generic.changes`
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdata.dataset import Dataset, Sample
from segdata.errors import DataError
from segdata.generic.changes import LabelChanges, read_changes, vocabulary
from segdata.generic.classes import CLASS_FILES, ClassFile, read_classes
from segdata.generic.masks.class_colours import ClassColours
from segdata.generic.masks.mask_code import code_of
from segdata.generic.masks.stored_mask import Sheet, sheet_of
from segdata.generic.places.layouts import LAYOUT, place_of
from segdata.generic.places.partners import partners
from segdata.generic.splits import share_of
from segdata.image_files import check_size, load_mask, read_picture
from segdata.labels import LabelSet
from segdata.paired import Pair, PairedFiles, fingerprint_of, require_folder
from segdata.registry import Request


def open_paired(request: Request) -> Dataset:
    """Open PATH in one of the layouts.

    Raises:
        DataError: for a missing or empty folder, a missing pair, missing or bad class names.
    """
    root = Path(request.argument)
    require_folder(root, LAYOUT)
    place, changes = place_of(root, request.split), read_changes(root)
    own = read_classes(root) or read_classes(place.images)
    pairs, naming = partners(place)
    if place.shared:
        pairs = share_of(request.split, pairs, root)
    labels = own.labels if own else request.labels
    if labels is None:
        raise DataError(
            f"{root} does not name its classes; add {root / CLASS_FILES[0]} with one class name a line "
            f"(or {', '.join(CLASS_FILES[1:])})"
        )
    return MaskFiles(request, pairs, labels, own, changes, naming)


class MaskFiles(PairedFiles):
    """Pairs whose masks are brought to a label set by name."""

    def __init__(
        self,
        request: Request,
        pairs: list[Pair],
        labels: LabelSet,
        own: ClassFile | None,
        changes: LabelChanges,
        naming: str,
    ) -> None:
        words = vocabulary(labels.names, changes, request.labels, labels)
        super().__init__(request.spec, request.split, words.labels, pairs, words.stored, words.table)
        self._words, self._changes, self.ignores = words, changes, changes.ignores
        colours = ClassColours.of(own) if own is not None and own.has_colours else None
        stored = [partial(stored_sheet, pair.mask) for pair in pairs]
        self._code = code_of(stored, labels.names, colours, words.ignored_ids)
        self.layout = f"pictures with {self._code.layout}{naming}"

    def __getitem__(self, index: int) -> Sample:
        """Read one pair at its own size; DataError names a damaged file, an unknown id or colour, or differing
        sizes."""
        if not 0 <= index < len(self._pairs):
            raise IndexError(f"sample {index} of {len(self._pairs)}")
        pair = self._pairs[index]
        image, ids = read_picture(pair.image), self.stored_ids(pair.mask)
        check_size(image, ids, pair.image, pair.mask)
        return Sample(pair.id, image, self._words.table[ids])

    def stored_ids(self, path: Path) -> NDArray[np.uint8]:
        """Ids of a mask file in its own order, uint8 (H, W), 255 where ignored; raises DataError naming the file."""
        return self._code.ids(stored_sheet(path)[0], path)

    def fingerprint(self) -> str:
        """Hash over file names, sizes, modification times and what labels.toml says."""
        beside = [self._changes.path] if self._changes.path.is_file() else []
        return fingerprint_of([*(path for pair in self._pairs for path in (pair.image, pair.mask)), *beside])


def stored_sheet(path: Path) -> tuple[Sheet, Path]:
    """The pixels of a mask file and its path; raises DataError naming it."""
    return sheet_of(load_mask(path), path), path
