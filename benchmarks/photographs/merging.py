"""Merge the classes of a network into the fewer classes of a dataset, by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CLASSES = ("background", "skin", "hair", "brow", "eyes", "nose", "mouth")
"""What the photographs' labels tell apart: skin with ears and neck, the mouth with both lips, clothes as background."""

MERGED = {
    "skin": ("skin", "face_skin", "facial_skin", "eye_g", "l_ear", "r_ear", "ear_r", "neck"),
    "hair": ("hair",),
    "brow": ("l_brow", "r_brow", "left_brow", "right_brow"),
    "eyes": ("l_eye", "r_eye", "left_eye", "right_eye"),
    "nose": ("nose",),
    "mouth": ("mouth", "inner_mouth", "u_lip", "l_lip", "upper_lip", "lower_lip"),
}
"""A network's classes by the photographs' class; those in none are background. Glasses were not labelled: what they
cover is skin."""


def merge_table(names: Sequence[str]) -> NDArray[np.uint8]:
    """Return, for each class of a network, the number of its class in CLASSES: uint8 (len(names),)."""
    homes = {name: CLASSES.index(home) for home, merged in MERGED.items() for name in merged}
    return np.array([homes.get(name, 0) for name in names], dtype=np.uint8)


def squared(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Bring a picture (H, W, 3) and its mask (H, W) to a square: edge pixels are repeated at the sides and below, and
    ignored.

    Networks are square; stretching a portrait to fit would change the face's shape.
    """
    height, width = mask.shape
    side = max(height, width)
    left = (side - width) // 2
    room = ((0, side - height), (left, side - width - left))
    return np.pad(image, (*room, (0, 0)), mode="edge"), np.pad(mask, room, constant_values=255)
