"""Choose the training pictures that calibrate: pure functions from what is known of them to their numbers."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from quantization.errors import RecipeError


class Choice(Enum):
    """Say how calibration pictures are chosen; the values are the command line's names."""

    RANDOM = "random"
    BALANCED = "balanced"


CANDIDATES = 8
"""A balanced choice looks at so many times the pictures it takes."""


def random_choice(available: int, wanted: int, seed: int = 0) -> list[int]:
    """Draw the numbers of `wanted` different pictures (or of all, if there are fewer), ascending, seeded.

    Raises:
        RecipeError: there are none, or none is wanted.
    """
    _check(available, wanted)
    chosen = np.random.default_rng(seed).permutation(available)[:wanted]
    return sorted(int(index) for index in chosen)


def balanced_choice(pixels: NDArray[np.int64], wanted: int) -> list[int]:
    """Choose the numbers of `wanted` pictures that together show every class, rare ones first of all; ascending.

    Greedy: each time the picture that adds most to the sum, over the classes, of the square root of the share of the
    class's pixels seen so far. The root makes the first pixels of a class count most, so a class that only few
    pictures show draws them in before common ones are shown again.

    Args:
        pixels: int64 (pictures, classes), how many pixels of each class a picture shows.
        wanted: how many to take.

    Raises:
        RecipeError: there are no pictures, or none is wanted.
    """
    _check(len(pixels), wanted)
    share = pixels / np.maximum(pixels.sum(axis=0), 1)
    seen = np.zeros(share.shape[1])
    left = list(range(len(share)))
    chosen = []
    for _ in range(min(wanted, len(left))):
        gains = np.sqrt(seen + share[left]).sum(axis=1)
        best = left.pop(int(gains.argmax()))
        seen += share[best]
        chosen.append(best)
    return sorted(chosen)


def _check(available: int, wanted: int) -> None:
    if available < 1 or wanted < 1:
        raise RecipeError(
            f"{wanted} calibration pictures of {available} leave none; give at least one training picture"
        )
