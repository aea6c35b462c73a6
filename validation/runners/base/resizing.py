"""Pictures and masks brought to a model's sizes, the same way for every artifact and for the reference."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def fit_picture(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bring a uint8 picture (H, W, C) to (height, width): bilinear, antialiased when shrinking; stretched, not cropped.


    A picture that has the size already comes back unchanged.
    """
    from segdata.resize import resized

    return resized(image, height, width)


def fit_mask(mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bring a uint8 mask (H, W) to (height, width): each pixel takes the id under its centre; ids are never mixed."""
    if mask.shape == (height, width):
        return mask
    rows = _centres(mask.shape[0], height)
    columns = _centres(mask.shape[1], width)
    return np.ascontiguousarray(mask[rows[:, np.newaxis], columns[np.newaxis, :]])


def _centres(size: int, wanted: int) -> NDArray[np.intp]:
    """Find the source pixel under the centre of each target pixel, exactly, in integers."""
    return ((2 * np.arange(wanted, dtype=np.intp) + 1) * size) // (2 * wanted)


def picture_digest(image: NDArray[np.uint8]) -> str:
    """Hash a picture's size and pixels (sha256, hex): equal for equal pictures whatever file they came from."""
    state = hashlib.sha256(repr(image.shape).encode())
    state.update(np.ascontiguousarray(image).tobytes())
    return state.hexdigest()
