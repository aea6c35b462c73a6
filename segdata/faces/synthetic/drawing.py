"""Drawing one face from one integer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from segdata.errors import DataError
from segdata.faces.synthetic.figure.scene import Scene, compose
from segdata.faces.synthetic.masks import draw_mask
from segdata.faces.synthetic.paint.portrait import paint
from segdata.labels import LabelSet

GENERATOR_VERSION = "faces-2"
"""Changes with every change of what a seed draws."""

SMALLEST, LARGEST = 16, 2048


@lru_cache(maxsize=4)
def _scene(seed: int) -> Scene:
    return compose(seed)


def check_size(size: int) -> None:
    """Raise DataError unless pictures of this size can be drawn."""
    if not SMALLEST <= size <= LARGEST:
        raise DataError(
            f"synthetic faces are drawn {SMALLEST} to {LARGEST} pixels wide, not {size}; choose a size in between"
        )


def draw_face(seed: int, size: int, labels: LabelSet) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the scene of `seed` as a photograph and its exact mask.

    Args:
        seed: any non-negative integer; equal seeds give equal bytes.
        size: side of the square picture in pixels.
        labels: FACE11 or FACE19; the picture is the same for both.

    Returns:
        image uint8 RGB (size, size, 3) and mask uint8 class ids (size, size).

    Raises:
        DataError: for a size out of range or another label set.
    """
    check_size(size)
    scene = _scene(seed)
    mask = draw_mask(scene, size, labels)
    return paint(scene, size), mask


def masks_at(seed: int, sizes: Sequence[int], labels: LabelSet) -> dict[int, NDArray[np.uint8]]:
    """The scene's mask drawn exactly at each size: {size: uint8 (size, size)}; raises as `draw_face`."""
    for size in sizes:
        check_size(size)
    return {size: draw_mask(_scene(seed), size, labels) for size in sizes}
