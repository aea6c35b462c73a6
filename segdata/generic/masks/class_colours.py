"""Look up classes by the colours that a class file gives them, in masks of colours, of greys and with palettes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segdata.errors import DataError
from segdata.generic.classes import ClassFile
from segdata.generic.masks.stored_mask import Sheet
from segdata.labels import IGNORE_INDEX, Colour, LabelSet

_WHITE = (255, 255, 255)
_NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class ClassColours:
    """Hold the colours of classes, all different.

    Attributes:
        labels: names and colours, position = id.
        path: the class file that names them.
    """

    labels: LabelSet
    path: Path

    @classmethod
    def of(cls, found: ClassFile) -> ClassColours:
        """The colours of a class file; raises DataError if two classes share one."""
        colours = found.labels.colours
        for number, colour in enumerate(colours):
            if colour in colours[:number]:
                name = found.labels.names[number]
                raise DataError(
                    f"{found.path} gives class {name!r} the colour {colour} of another class; make colours differ"
                )
        return cls(found.labels, found.path)

    @cached_property
    def _places(self) -> dict[Colour, int]:
        return {colour: number for number, colour in enumerate(self.labels.colours)}

    @cached_property
    def _of_grey(self) -> NDArray[np.int64]:
        """Class of each grey level, int64 (256,); -1 for none."""
        return np.array([self._places.get((level, level, level), _NO_CLASS) for level in range(256)])

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Keys of the colours in their order, and the class of each."""
        keys = _keys(np.array(self.labels.colours, dtype=np.uint8))
        order = np.argsort(keys)
        return keys[order], order

    def white_of_two(self) -> int:
        """The class of white pixels among two: that of the file's white, else the second."""
        return self._places.get(_WHITE, 1)

    def speaks_in_greys(self, seen: Sequence[Sheet], classes: int) -> bool:
        """True if all levels of grey masks are colours of classes, and not all of them ids."""
        levels = {
            int(value) for sheet in seen if sheet.values is not None and sheet.palette is None for value in sheet.used
        }
        known = all(self._of_grey[level] != _NO_CLASS for level in levels)
        return bool(levels) and known and max(levels) >= classes

    def ids(self, sheet: Sheet, path: Path, classes: int, *, greys: bool) -> NDArray[np.uint8] | None:
        """Ids (H, W) of a mask that speaks in these colours; None for one of ids.

        A palette is read by its colours where these are classes' colours in another order than the indices.

        Args:
            sheet: the mask.
            path: for sentences.
            classes: ids that a mask may hold, from 0.
            greys: whether grey masks hold colours.

        Raises:
            DataError: a colour of no class, or a palette that only partly agrees with the class file.
        """
        if sheet.colours is not None:
            return self._of_pixels(sheet, path, classes)
        assert sheet.values is not None  # a sheet without colours has values
        if sheet.palette is not None:
            return self._of_palette(sheet.values, sheet.palette, sheet.used, path)
        if not greys:
            return None
        return self._checked(self._of_grey, sheet.values, path)

    def _of_pixels(self, sheet: Sheet, path: Path, classes: int) -> NDArray[np.uint8] | None:
        colours = sheet.colours
        assert colours is not None
        keys, (known, order) = _keys(colours), self._sorted
        places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        unknown = known[places] != keys
        if unknown.any():
            levels = sheet.greys
            if levels is not None and ((levels < classes) | (levels == IGNORE_INDEX)).all():
                return None  # ids that were saved as grey pictures of three channels
            raise self._strange(colours, unknown, path)
        found: NDArray[np.uint8] = order[places].astype(np.uint8)
        return found

    def _of_palette(
        self, indices: NDArray[np.uint8], palette: NDArray[np.uint8], used: NDArray[np.intp], path: Path
    ) -> NDArray[np.uint8] | None:
        shown = {int(index): (int(palette[index][0]), int(palette[index][1]), int(palette[index][2])) for index in used}
        places = {index: self._places.get(colour, _NO_CLASS) for index, colour in shown.items()}
        moved = [index for index, place in places.items() if place not in (_NO_CLASS, index)]
        unknown = [index for index, place in places.items() if place == _NO_CLASS and index != IGNORE_INDEX]
        if not moved or (moved == [IGNORE_INDEX] and unknown):
            return None
        if unknown:
            raise DataError(
                f"the palette of mask {path} gives index {moved[0]} the colour of class"
                f" {self.labels.names[places[moved[0]]]!r} and index {unknown[0]} the colour {shown[unknown[0]]}, which"
                f" {self.path} gives no class; make palette and class file agree"
            )
        table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
        for index, place in places.items():
            table[index] = IGNORE_INDEX if place == _NO_CLASS else place
        return table[indices]

    def _checked(self, table: NDArray[np.int64], values: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
        found = table[values]
        if (found == _NO_CLASS).any():
            raise self._strange(np.repeat(values[..., np.newaxis], 3, axis=2), found == _NO_CLASS, path)
        return found.astype(np.uint8)

    def _strange(self, colours: NDArray[np.uint8], unknown: NDArray[np.bool_], path: Path) -> DataError:
        row, column = np.argwhere(unknown)[0]
        red, green, blue = (int(part) for part in colours[row, column])
        return DataError(
            f"mask {path} has the colour ({red}, {green}, {blue}) at x={column}, y={row}, which {self.path} "
            "gives no class; add it there (ignore that class in labels.toml if it counts for nothing)"
        )


def _keys(colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One number a colour: (..., 3) -> (...)."""
    wide = colours.astype(np.int64)
    keys: NDArray[np.int64] = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return keys
