"""Bounds that keep a damaged or hostile file from taking the machine's memory or time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from math import prod

MAX_ELEMENTS = 2**28
"""Most elements of one tensor (1 GiB of float32): several times what a phone-sized network needs."""

MAX_RANK = 16
MAX_LOOP_ITERATIONS = 100_000
MAX_LIST_LENGTH = 1_000_000
MAX_BLOCK_DEPTH = 32


def check_size(shape: Iterable[int]) -> None:
    """Refuse a tensor of this shape before it is allocated.

    Raises:
        ValueError: a negative size, or more than MAX_ELEMENTS elements.
    """
    sizes = list(shape)
    if any(size < 0 for size in sizes) or prod(sizes) > MAX_ELEMENTS:
        raise ValueError(f"a tensor of shape {sizes} is not allowed (at most {MAX_ELEMENTS} elements)")


def broadcast_shape(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """Return the shape two operands have together; sizes that do not fit are left to the operation to refuse."""
    pairs = zip_longest(reversed(first), reversed(second), fillvalue=1)
    return [b if a == 1 else a for a, b in pairs][::-1]
