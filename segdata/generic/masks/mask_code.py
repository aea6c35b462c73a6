"""Decide which class a pixel of somebody's masks stands for: by id, by colour, or black and white.

Each file is read by what it stores, since one folder may hold grey, indexed and coloured masks. What can be seen only
from many of them (black and white means two classes, palettes differ from file to file) is decided once, from a look at
some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segdata.errors import DataError
from segdata.generic.masks.class_colours import ClassColours
from segdata.generic.masks.stored_mask import BLACK, WHITE, Sheet
from segdata.image_files import check_ids
from segdata.labels import IGNORE_INDEX

LOOKED_AT = 32
"""Masks that are looked at before the first is read, spread over the split; more until one is not all black."""
_MIDDLE = 128
_NEAR = 32
_CLEAN = 0.9
"""Smallest share of pixels within `_NEAR` of black or white in black-and-white masks that were compressed or
smoothed."""

Stored = Callable[[], tuple[Sheet, Path]]
"""Reads one mask: its pixels, and its place for sentences; raises DataError."""

_HOW_TO_STORE = (
    "store class ids as an indexed or 8-bit grey PNG, one id per pixel, or list the colour of every class in"
    " classes.json"
)


@dataclass(frozen=True, eq=False)
class MaskCode:
    """Read the masks of one dataset.

    Attributes:
        classes: how many ids there are, from 0.
        colours: the colours of the classes, where the class file names them.
        ignored: ids that labels.toml ignores.
        white: the id of white pixels in black-and-white masks of two classes; None for other masks.
        smoothed: True if values between black and white occur; they go to the nearer.
        greys: True if grey masks hold the grey colours of classes and no ids.
        layout: for people: how the masks are read.
    """

    classes: int
    colours: ClassColours | None = None
    ignored: tuple[int, ...] = ()
    white: int | None = None
    smoothed: bool = False
    greys: bool = False
    layout: str = "masks of class ids"

    def ids(self, sheet: Sheet, path: Path) -> NDArray[np.uint8]:
        """Class ids, uint8 (H, W), 255 where ignored; raises DataError naming `path` for what stands for no class."""
        if self.white is not None:
            return self._black_and_white(sheet, self.white, path)
        if sheet.lossy:
            raise DataError(f"mask {path} is a JPEG, whose compression changes ids and colours; store masks as PNG")
        if self.colours is not None:
            found = self.colours.ids(sheet, path, self.classes, greys=self.greys)
            if found is not None:
                return found
        values = sheet.greys if sheet.values is None else sheet.values
        if values is None:
            raise DataError(f"mask {path} has mode 'RGB'; {_HOW_TO_STORE}")
        if self.ignored:
            values = np.where(np.isin(values, self.ignored), np.uint8(IGNORE_INDEX), values)
        check_ids(values, self.classes, path)
        return values

    def _black_and_white(self, sheet: Sheet, white: int, path: Path) -> NDArray[np.uint8]:
        greys = sheet.greys
        if greys is None:
            raise DataError(f"mask {path} holds colours, while others are black and white; store all masks alike")
        between = greys[(greys != BLACK) & (greys != WHITE)]
        if between.size and not self.smoothed:
            raise DataError(
                f"mask {path} holds the value {between[0]}, while others hold only 0 and 255, black and white for two"
                " classes; store all masks alike"
            )
        return np.where(greys >= _MIDDLE, np.uint8(white), np.uint8(1 - white))


def code_of(
    masks: Sequence[Stored], classes: Sequence[str], colours: ClassColours | None, ignored: tuple[int, ...]
) -> MaskCode:
    """Look at some masks and decide how all are read.

    Args:
        masks: reads each mask of the split; those that cannot be read are left out here, and named when they are used.
        classes: names in the order of the ids in the files.
        colours: the colours of the classes, where the class file names them.
        ignored: ids that labels.toml ignores.

    Raises:
        DataError: palettes that give one index several colours, where nothing says which class a colour is.
    """
    seen = list(_looked_at(masks, until_white=len(classes) == 2))
    code = MaskCode(len(classes), colours, ignored)
    shade = _shade(seen) if len(classes) == 2 and IGNORE_INDEX not in ignored else None
    if shade is not None:
        white = 1 if colours is None else colours.white_of_two()
        how = (
            f"black-and-white masks, black (0) as {classes[1 - white]!r}, white (255) as {classes[white]!r}, none"
            " ignored"
        )
        smoothed = shade == "smoothed"
        return replace(
            code, white=white, smoothed=smoothed, layout=how + (", shades as the nearer" if smoothed else "")
        )
    if colours is None:
        _check_palettes(seen)
        return code
    code = replace(code, greys=colours.speaks_in_greys([sheet for sheet, _ in seen], len(classes)))
    coded = [_in_colours(code, sheet, path) for sheet, path in seen]
    if not any(coded):
        return code
    mixed = "" if all(coded) else ", others with class ids"
    return replace(code, layout=f"colour-coded masks, colours from {colours.path.name}{mixed}")


def _in_colours(code: MaskCode, sheet: Sheet, path: Path) -> bool:
    assert code.colours is not None
    try:
        return code.colours.ids(sheet, path, code.classes, greys=code.greys) is not None
    except DataError:  # a colour of no class: named when the mask is used
        return True


def _looked_at(masks: Sequence[Stored], *, until_white: bool) -> Iterator[tuple[Sheet, Path]]:
    """Masks that can be read, spread over all; with `until_white` further ones until one is not all black."""
    first = range(0, len(masks), max(1, -(-len(masks) // LOOKED_AT)))
    black = True
    for place in [*first, *(place for place in range(len(masks)) if place not in first)]:
        if place not in first and not (until_white and black):
            return
        try:
            sheet, path = masks[place]()
        except DataError:
            continue
        black = black and sheet.greys is not None and not sheet.greys.any()
        yield sheet, path


def _shade(seen: Sequence[tuple[Sheet, Path]]) -> Literal["pure", "smoothed"] | None:
    """Whether only black and white occur, and both; or nearly so; None for other masks."""
    counts = np.zeros(256, dtype=np.int64)
    for sheet, _ in seen:
        greys = sheet.greys
        if greys is None:
            return None
        counts += np.bincount(greys.ravel(), minlength=256)
    if not counts[: _NEAR + 1].any() or not counts[WHITE - _NEAR :].any():
        return None
    if not counts[1:WHITE].any():
        return "pure"
    ends = int(counts[: _NEAR + 1].sum() + counts[WHITE - _NEAR :].sum())
    # Ids of two classes lie below two, so that what lies in the upper half can only be a shade of white.
    return "smoothed" if counts[_MIDDLE:WHITE].any() and ends >= _CLEAN * int(counts.sum()) else None


def _check_palettes(seen: Sequence[tuple[Sheet, Path]]) -> None:
    """Raise DataError if an index has one colour here and another there: its class then follows from neither."""
    known: dict[int, tuple[tuple[int, ...], Path]] = {}
    for sheet, path in seen:
        if sheet.palette is None:
            continue
        for index in sheet.used:
            colour = tuple(int(part) for part in sheet.palette[index])
            before, where = known.setdefault(int(index), (colour, path))
            if before != colour:
                raise DataError(
                    f"index {index} is the colour {colour} in the palette of mask {path} and {before} in that of"
                    f" {where}, so indices are no class ids; list the colour of every class in class_dict.csv, or store"
                    " class ids"
                )
