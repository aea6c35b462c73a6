"""Count values in bins that line up, so that histograms can be widened and added without moving a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 4096
"""Most bins of a histogram; never fewer than half of it, unless all values are equal or smaller than normal floats."""

SMALLEST_EXPONENT = -149
"""Every float32 is a multiple of 2 ** -149."""


@dataclass(frozen=True)
class Histogram:
    """Count values in bins that are a power of two wide; bin i holds [(first + i) width, (first + i + 1) width).

    Because every bin begins at a multiple of its width, two neighbours of an even and the next odd number make exactly
    one bin of twice the width. Adding is therefore independent of order and the same as counting everything at once.

    Attributes:
        exponent: width of a bin is 2 ** exponent.
        first: number of the first bin.
        counts: int64 (bins,).
    """

    exponent: int
    first: int
    counts: NDArray[np.int64]

    @property
    def width(self) -> float:
        return math.ldexp(1.0, self.exponent)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Return the middle of every bin, float64 (bins,)."""
        middles: NDArray[np.float64] = (self.first + np.arange(len(self.counts), dtype=np.float64) + 0.5) * self.width
        return middles

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Histogram:
        """Count finite values of any shape, at least one."""
        low, high = float(values.min()), float(values.max())
        exponent = _exponent(low, high)
        scaled = np.floor(np.ldexp(values.astype(np.float64).ravel(), -exponent)).astype(np.int64)
        first = int(scaled.min())
        return cls(exponent, first, np.bincount(scaled - first).astype(np.int64))

    def __add__(self, other: Histogram) -> Histogram:
        exponent = max(self.exponent, other.exponent)
        mine, theirs = self.widened(exponent), other.widened(exponent)
        while (joined := mine._joined_length(theirs)) > BINS:
            exponent += 1
            mine, theirs = self.widened(exponent), other.widened(exponent)
        first = min(mine.first, theirs.first)
        counts = np.zeros(joined, dtype=np.int64)
        for part in (mine, theirs):
            counts[part.first - first : part.first - first + len(part.counts)] += part.counts
        return Histogram(exponent, first, counts)

    def _joined_length(self, other: Histogram) -> int:
        last = max(self.first + len(self.counts), other.first + len(other.counts))
        return last - min(self.first, other.first)

    def widened(self, exponent: int) -> Histogram:
        """Return the same counts in bins of width 2 ** exponent, not narrower than now."""
        steps = exponent - self.exponent
        if steps == 0:
            return self
        numbers = (self.first + np.arange(len(self.counts))) >> min(steps, 63)
        first = int(numbers[0])
        counts = np.zeros(int(numbers[-1]) - first + 1, dtype=np.int64)
        np.add.at(counts, numbers - first, self.counts)
        return Histogram(exponent, first, counts)


def _exponent(low: float, high: float) -> int:
    """Find the smallest exponent with which low .. high fits into `BINS` bins at multiples of their width."""
    largest = max(abs(low), abs(high))
    # Bins far narrower than a float32's last digit at this magnitude would only hold rounding. Of no magnitude is that
    # digit
    # smaller than the smallest float32, which is also the width for zero alone: so zeros first or last make the same
    # bins.
    exponent = max(math.frexp(largest)[1] - 24, SMALLEST_EXPONENT) if largest > 0 else SMALLEST_EXPONENT
    if high > low:
        exponent = max(exponent, math.frexp((high - low) / BINS)[1] - 1)
    while math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) + 1 > BINS:
        exponent += 1
    return exponent
