"""Write example pictures as small PNG files: photographs as they are, label maps and differences with a palette."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_DIFFERENT = (225, 29, 72)
_EQUAL = (128, 128, 128)
_EQUAL_ALPHA = 40
"""Faint, so that the outline of the picture shows on light and dark pages alike."""


def save_picture(image: NDArray[np.uint8], path: Path) -> Path:
    """Write uint8 RGB of shape (H, W, 3); of other channels the first three, or the first in grey. Returns `path`."""
    from PIL import Image

    shown = image[:, :, :3] if image.shape[2] >= 3 else image[:, :, 0]
    return _save(Image.fromarray(np.ascontiguousarray(shown)), path)


def save_mask(mask: NDArray[np.uint8], colours: Sequence[Sequence[int]], path: Path) -> Path:
    """Write a uint8 label map of shape (H, W) in the colours of its classes; ids without a colour become black."""
    return _save(_with_palette(mask, [tuple(colour) for colour in colours]), path)


def save_difference(reference: NDArray[np.uint8], answer: NDArray[np.uint8], path: Path) -> Path:
    """Write where two uint8 label maps of shape (H, W) differ: red where they do, faint grey where they agree.

    Raises:
        ValueError: the maps have different shapes.
    """
    if reference.shape != answer.shape:
        raise ValueError(f"cannot compare maps of {reference.shape} and {answer.shape}; bring them to one size first")
    different = (reference != answer).astype(np.uint8)
    picture = _with_palette(different, [_EQUAL, _DIFFERENT])
    picture.info["transparency"] = bytes([_EQUAL_ALPHA, 255])
    return _save(picture, path)


def _with_palette(indices: NDArray[np.uint8], colours: Sequence[Sequence[int]]) -> Image:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(indices, dtype=np.uint8))
    picture.putpalette([channel for colour in colours for channel in colour] + [0] * (3 * (256 - len(colours))))
    return picture


def _save(picture: Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        picture.save(temporary, format="PNG", optimize=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a uint8 picture (H, W, 3) or class map (H, W) as a lossless PNG."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels).save(written, format="PNG", optimize=True)
    return written.getvalue()
