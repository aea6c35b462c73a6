"""Label sets: which classes a mask speaks of, in which order, in which colours.

Class ids are positions in `LabelSet.names`. Everything that compares two label sets does so by *name*, never
by index: LaPa, Helen and CelebAMask-HQ order their classes differently, and so do published re-orderings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdata.errors import DataError

IGNORE_INDEX = 255
"""Mask value for pixels that count neither for nor against any class."""

MAX_CLASSES = 256
"""Ids are bytes. The last of 256 classes shares its number with ignored pixels: it can be answered, but no mask can
hold it."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of class names with one display colour each.

    Args:
        name: short identifier, e.g. ``"face11"``.
        names: class names; the position is the class id stored in masks (uint8).
        colours: one RGB triple (0..255) per class, same order.
        mirrored: pairs of names that swap when a picture is flipped left to right.

    Raises:
        DataError: on duplicate names, a colour count that differs, or a mirrored name that does not exist.
    """

    name: str
    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    mirrored: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= MAX_CLASSES:
            raise DataError(f"label set {self.name!r} has {len(self.names)} classes; give 1 to {MAX_CLASSES}")
        if len(set(self.names)) != len(self.names):
            raise DataError(f"label set {self.name!r} names a class twice; make every class name unique")
        if len(self.colours) != len(self.names):
            raise DataError(
                f"label set {self.name!r} has {len(self.names)} classes but {len(self.colours)} colours; "
                "give one colour per class"
            )
        for pair in self.mirrored:
            for side in pair:
                self.index(side)

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Class id of `name`; raises DataError listing the known names."""
        try:
            return self.names.index(name)
        except ValueError:
            known = ", ".join(self.names)
            raise DataError(f"label set {self.name!r} has no class {name!r}; it has: {known}") from None

    def mirror_table(self) -> NDArray[np.uint8]:
        """uint8[256] lookup table that swaps mirrored classes; every other value, ignore included, stays."""
        table = np.arange(256, dtype=np.uint8)
        for left, right in self.mirrored:
            table[self.index(left)], table[self.index(right)] = self.index(right), self.index(left)
        return table

    def colourize(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint a uint8 mask of shape (H, W) as uint8 RGB (H, W, 3); ignored pixels become black."""
        palette = np.zeros((256, 3), dtype=np.uint8)
        palette[: len(self.colours)] = np.asarray(self.colours, dtype=np.uint8)
        painted: NDArray[np.uint8] = palette[mask]
        return painted


def remap_table(source: Sequence[str], target: LabelSet, renames: Mapping[str, str] | None = None) -> NDArray[np.uint8]:
    """uint8[256] lookup table from ids ordered as `source` to ids of `target`, matched by name.

    Args:
        source: class names in the order of the ids found in the files.
        target: the label set wanted.
        renames: source name -> target name, for names that differ.

    Raises:
        DataError: if a source name has no counterpart in `target`.
    """
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    for old_id, old_name in enumerate(source):
        table[old_id] = target.index((renames or {}).get(old_name, old_name))
    table[IGNORE_INDEX] = IGNORE_INDEX
    return table


FACE11 = LabelSet(
    name="face11",
    names=(
        "background",
        "skin",
        "left_brow",
        "right_brow",
        "left_eye",
        "right_eye",
        "nose",
        "upper_lip",
        "inner_mouth",
        "lower_lip",
        "hair",
    ),
    colours=(
        (0, 0, 0),
        (255, 200, 160),
        (150, 75, 0),
        (200, 120, 40),
        (0, 140, 255),
        (60, 200, 255),
        (255, 120, 120),
        (220, 20, 60),
        (120, 0, 40),
        (255, 80, 140),
        (110, 60, 160),
    ),
    mirrored=(("left_brow", "right_brow"), ("left_eye", "right_eye")),
)
"""The 11 classes of LaPa and of relabelled Helen, in their id order."""

FACE19 = LabelSet(
    name="face19",
    names=(
        "background",
        "skin",
        "nose",
        "eye_g",
        "l_eye",
        "r_eye",
        "l_brow",
        "r_brow",
        "l_ear",
        "r_ear",
        "mouth",
        "u_lip",
        "l_lip",
        "hair",
        "hat",
        "ear_r",
        "neck_l",
        "neck",
        "cloth",
    ),
    colours=(
        (0, 0, 0),
        (255, 200, 160),
        (255, 120, 120),
        (90, 90, 90),
        (0, 140, 255),
        (60, 200, 255),
        (150, 75, 0),
        (200, 120, 40),
        (255, 170, 0),
        (255, 210, 90),
        (120, 0, 40),
        (220, 20, 60),
        (255, 80, 140),
        (110, 60, 160),
        (40, 160, 60),
        (255, 255, 0),
        (0, 220, 180),
        (230, 150, 110),
        (70, 100, 200),
    ),
    mirrored=(("l_eye", "r_eye"), ("l_brow", "r_brow"), ("l_ear", "r_ear")),
)
"""The 19 classes of CelebAMask-HQ, in their published id order."""
