"""How sure the float network had been of the pixels whose class changed.

A pixel's margin is the lead, in logits, of the network's first class over its second. Classes that change where the
margin is small were undecided in any case; classes that change where it is large are a loss. Margins are counted in
integers (a fixed-point sum and a histogram), so that pictures add up exactly, in any order, in constant memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from converters import Scores

BINS = 1024
"""Of the histogram: float16's five bits of exponent and first five of mantissa, so a bin is at most 1/32 wide."""
_SHIFT = 5
_UNITS = 1024
"""Sums are kept in 1/1024 of a logit."""
_LARGEST = 65504.0
"""The largest float16; a larger margin counts as that."""

MarginMap = NDArray[np.float16]


_LEAST = 2.0**-24
"""Probabilities nearer to 0 or 1 than float32 can say."""


def margin_map(logits: NDArray[np.float32], scores: Scores = Scores.LOGITS) -> MarginMap:
    """Lead of the first class over the second: float32 (h, w, C) -> float16 (h, w); one class alone leads by nothing.

    Probabilities are brought back to the logits that they were made of: their logarithms, or the logarithms of their
    odds where each class has a probability of its own.
    """
    if logits.shape[2] < 2:
        return np.zeros(logits.shape[:2], dtype=np.float16)
    if scores is not Scores.LOGITS:
        sure = np.clip(logits, _LEAST, 1 - _LEAST)
        logits = np.log(sure) if scores is Scores.PROBABILITIES else np.log(sure) - np.log1p(-sure)
    top = np.partition(logits, logits.shape[2] - 2, axis=2)
    lead: MarginMap = np.minimum(top[:, :, -1] - top[:, :, -2], _LARGEST).astype(np.float16)
    return lead


@dataclass(frozen=True, eq=False)
class MarginCounts:
    """Margins of some pixels.

    Attributes:
        units: their sum in 1/1024 of a logit.
        bins: int64 (BINS,), how many lie in each bin.
    """

    units: int
    bins: NDArray[np.int64]

    @classmethod
    def of(cls, margins: MarginMap, where: NDArray[np.bool_]) -> MarginCounts:
        """The pixels of one picture at which `where` is True."""
        chosen = np.ascontiguousarray(margins[where])
        found = np.bincount(chosen.view(np.uint16) >> _SHIFT, minlength=BINS).astype(np.int64)
        return cls(int(np.rint(chosen.astype(np.float64) * _UNITS).sum()), found[:BINS])

    @classmethod
    def zero(cls) -> MarginCounts:
        """No pixels."""
        return cls(0, np.zeros(BINS, dtype=np.int64))

    def __add__(self, other: MarginCounts) -> MarginCounts:
        return MarginCounts(self.units + other.units, self.bins + other.bins)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MarginCounts) and self.units == other.units and np.array_equal(self.bins, other.bins)

    __hash__ = None  # type: ignore[assignment]

    @property
    def pixels(self) -> int:
        """How many."""
        return int(self.bins.sum())

    @property
    def mean(self) -> float | None:
        """Mean margin in logits; None without pixels."""
        return self.units / _UNITS / self.pixels if self.pixels else None

    def quantile(self, share: float) -> float | None:
        """The margin that `share` of the pixels do not exceed (middle of its bin, within 2 %); None without pixels."""
        if not self.pixels:
            return None
        place = int(np.searchsorted(self.bins.cumsum(), share * self.pixels))
        low, high = (np.array([(place + step) << _SHIFT], dtype=np.uint16).view(np.float16)[0] for step in (0, 1))
        return float(low) if not np.isfinite(high) else (float(low) + float(high)) / 2

    def to_json(self) -> dict[str, float | int | None]:
        """The report's `margin_at_flips`."""
        return {"pixels": self.pixels, "mean": self.mean, "p95": self.quantile(0.95)}
