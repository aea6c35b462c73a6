"""Find the finite numbers that masks need: pure functions of the values around them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FAR = 1e4
"""Constants at least this large are masks where they are placed or added: -1e4 is the smallest that networks use for
it."""
MARGIN = 8.0
"""Natural logarithm of how much smaller than the winner's share all masked shares of a row are together; 8 bits end at
6.2."""


@dataclass(frozen=True)
class Seen:
    """Keep the ends of ordinary values around a mask: of those that are masked, and of those that a mask is added to.

    Attributes:
        low, high: of all values that are not masked.
        smallest_row_high, largest_row_low: the least of each row's largest value, the greatest of its smallest.
        given_low, given_high: of the values that come in.
        row: values in a row.
    """

    low: float
    high: float
    smallest_row_high: float
    largest_row_low: float
    given_low: float
    given_high: float
    row: int


def seen_around(answer: NDArray[np.float32], given: Sequence[NDArray[np.float32]]) -> Seen:
    """Look at what a step makes of a mask and of the values `given`, any shapes, rows along the last axis; one
    picture."""
    rows = answer.reshape(-1, answer.shape[-1] if answer.ndim else 1)
    ordinary = np.abs(rows) < FAR
    there = ordinary.any(axis=1)
    highs = np.where(ordinary, rows, -np.inf).max(axis=1)[there]
    lows = np.where(ordinary, rows, np.inf).min(axis=1)[there]
    floats = [values[np.abs(values) < FAR] for values in given if values.dtype == np.float32]
    others = np.concatenate([np.zeros(0, np.float32), *floats])
    return Seen(
        low=_or_zero(lows, np.min),
        high=_or_zero(highs, np.max),
        smallest_row_high=_or_zero(highs, np.min),
        largest_row_low=_or_zero(lows, np.max),
        given_low=_or_zero(others, np.min),
        given_high=_or_zero(others, np.max),
        row=rows.shape[1],
    )


def joined(parts: Sequence[Seen]) -> Seen:
    """Join what was seen on several pictures."""
    return Seen(
        low=min(part.low for part in parts),
        high=max(part.high for part in parts),
        smallest_row_high=min(part.smallest_row_high for part in parts),
        largest_row_low=max(part.largest_row_low for part in parts),
        given_low=min(part.given_low for part in parts),
        given_high=max(part.given_high for part in parts),
        row=parts[0].row,
    )


@dataclass(frozen=True)
class Reach:
    """Say which values stand for minus and for plus infinity behind a mask."""

    low: float
    high: float

    @classmethod
    def of(cls, seen: Seen, soft: Collection[str], absolute: bool, wider: float) -> Reach:
        """Choose them: the ends of all values, or far enough from the winner of each row where values are only weighed.

        Args:
            seen: values around the mask.
            soft: operators that weigh them; none where only the largest or smallest counts.
            absolute: True if some of those weigh against zero and not against the row's largest.
            wider: factor on the margin.
        """
        if not soft:
            return cls(seen.low, seen.high)
        margin = wider * MARGIN + math.log(max(seen.row, 1))
        low = min(seen.smallest_row_high, 0.0) if absolute else seen.smallest_row_high
        high = max(seen.largest_row_low, 0.0) if absolute else seen.largest_row_low
        return cls(low - margin, high + margin)


def _or_zero(values: NDArray[np.float32], of: Any) -> float:
    return float(of(values)) if len(values) else 0.0
