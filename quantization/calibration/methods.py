"""Choose the range of a tensor's integers from its statistics: pure functions, one a method.

A wide range rounds coarsely, a narrow one clips: every method but min-max weighs the two. Ranges never reach beyond
what was seen, and include zero, which padding and ReLU need exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from quantization.calibration.histogram import BINS, Histogram
from quantization.calibration.statistics import TensorStatistics
from quantization.errors import RecipeError

Range = tuple[float, float]
"""Smallest and largest value that is represented; what lies outside is clipped."""

PERCENTILE = 99.99
"""Percent of the values that the percentile method keeps, on each side (Wu et al. 2020 tried 99.9 to 99.9999)."""
FRACTIONS = tuple(float(fraction) for fraction in np.geomspace(0.02, 1.0, 120))
"""Fractions of the extremes that the MSE method tries, on each side."""
MARGIN = 0.1
"""Of the width of the logits' decisive range."""
SMALLEST_SPAN = 2.0**-20
"""A tensor that is zero everywhere has no range; a scale of zero would divide by zero."""


class Method(Enum):
    """Say how a range follows from statistics; the values are the command line's names."""

    MEAN = "mean"
    MINMAX = "minmax"
    PERCENTILE = "percentile"
    MSE = "mse"
    KL = "kl"
    OCTAV = "octav"


def mean_range(statistics: TensorStatistics, bits: int) -> Range:
    """Average each picture's extremes over the pictures: one outlying picture does not widen every step."""
    return float(statistics.lows.mean()), float(statistics.highs.mean())


def minmax_range(statistics: TensorStatistics, bits: int) -> Range:
    """Take the extremes of all pictures: nothing seen is clipped (Jacob et al. 2018, arXiv 1712.05877, 3.1)."""
    return statistics.low, statistics.high


def percentile_range(statistics: TensorStatistics, bits: int) -> Range:
    """Leave out the outermost 0.01 % on each side (Wu et al. 2020, arXiv 2004.09602, section 5.2)."""
    counts = statistics.histogram.counts
    below = np.cumsum(counts)
    allowed = (1 - PERCENTILE / 100) * below[-1]
    first = int(np.searchsorted(below, allowed, side="right"))
    last = len(counts) - 1 - int(np.searchsorted(np.cumsum(counts[::-1]), allowed, side="right"))
    edge, width = statistics.histogram.first, statistics.histogram.width
    return (edge + first) * width, (edge + last + 1) * width


def mse_range(statistics: TensorStatistics, bits: int) -> Range:
    """Minimise the mean squared error of the rounded and clipped values (Choukroun et al. 2019, arXiv 1902.06822).

    Searched over fractions of the extremes, the two ends apart, with the error of every bin's middle.
    """
    low, high = min(statistics.low, 0.0), max(statistics.high, 0.0)

    def error(fractions: tuple[float, float]) -> float:
        return squared_error(statistics.histogram, (low * fractions[0], high * fractions[1]), bits)

    # One fraction for both ends leads near; then each end in turn, twice, finds what trying all pairs does.
    best = min(((fraction, fraction) for fraction in FRACTIONS), key=error)
    for _ in range(2 if low < 0.0 < high else 0):
        best = min(((fraction, best[1]) for fraction in FRACTIONS), key=error)
        best = min(((best[0], fraction) for fraction in FRACTIONS), key=error)
    return low * best[0], high * best[1]


def squared_error(histogram: Histogram, limits: Range, bits: int) -> float:
    """Compute the mean squared error of the bins' middles, rounded to 2 ** bits - 1 steps between `limits`."""
    low, high = limits
    centres = histogram.centres
    step = max(high - low, SMALLEST_SPAN) / (2**bits - 1)
    rounded = np.clip(np.rint((centres - low) / step), 0, 2**bits - 1) * step + low
    return float(np.dot(histogram.counts, (rounded - centres) ** 2) / histogram.total)


def kl_range(statistics: TensorStatistics, bits: int) -> Range:
    """Find the threshold whose clipped, coarsened distribution of magnitudes diverges least from the original.

    Entropy calibration (Migacz, "8-bit Inference with TensorRT", GTC 2017). Magnitudes get half the levels where both
    signs occur, all of them else.
    """
    magnitudes, width = _magnitudes(statistics.histogram)
    signed = statistics.low < 0.0 < statistics.high
    levels = 2 ** (bits - 1) if signed else 2**bits
    if len(magnitudes) <= levels:
        return statistics.low, statistics.high
    # Zero is represented exactly whatever the threshold: a ReLU's many zeros must not spread over its first step.
    magnitudes[0] = magnitudes[1]
    ends = range(levels, len(magnitudes) + 1, max(1, levels // 16))
    best = min(ends, key=lambda end: divergence(magnitudes, end, levels))
    return _clipped(statistics, best * width)


def divergence(magnitudes: NDArray[np.int64], end: int, levels: int) -> float:
    """Compute the Kullback-Leibler divergence of `magnitudes` clipped after `end` bins from those in `levels` steps."""
    kept = magnitudes[:end].astype(np.float64)
    clipped = kept.copy()
    clipped[-1] += magnitudes[end:].sum()
    group = np.minimum(np.arange(end) * levels // end, levels - 1)
    occupied = kept > 0
    shared = np.bincount(group, kept, levels) / np.maximum(np.bincount(group, occupied, levels), 1)
    coarse = np.where(occupied, shared[group], 0.0)
    there = clipped > 0
    p = clipped[there] / clipped.sum()
    q = np.maximum(coarse[there], 1e-12) / max(float(coarse.sum()), 1e-12)
    return float(np.sum(p * np.log(p / q)))


def octav_range(statistics: TensorStatistics, bits: int) -> Range:
    """Find the threshold with the least expected squared error, by Newton's recursion.

    Sakr et al. 2022, "Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware Training"
    (arXiv 2206.06501), equation 4; the rounding error is a third of 4 ** -bits for signed values, a twelfth for
    unsigned.
    """
    centres, counts = np.abs(statistics.histogram.centres), statistics.histogram.counts
    rounding = 4.0**-bits / (3.0 if statistics.low < 0.0 < statistics.high else 12.0)
    threshold = float(np.dot(centres, counts) / max(int(counts.sum()), 1))
    for _ in range(100):
        outside = centres > threshold
        clipped = counts[outside]
        weight = rounding * counts[~outside].sum() + clipped.sum()
        moved = float(np.dot(centres[outside], clipped) / weight) if weight else threshold
        if abs(moved - threshold) <= 1e-9 * max(threshold, moved):
            break
        threshold = moved
    # Where nothing is clipped the recursion tends to zero: then the extremes are the optimum.
    return _clipped(statistics, threshold) if threshold > 0 else (statistics.low, statistics.high)


METHODS: Mapping[Method, Callable[[TensorStatistics, int], Range]] = {
    Method.MEAN: mean_range,
    Method.MINMAX: minmax_range,
    Method.PERCENTILE: percentile_range,
    Method.MSE: mse_range,
    Method.KL: kl_range,
    Method.OCTAV: octav_range,
}


def range_of(statistics: TensorStatistics, method: Method, bits: int = 8) -> Range:
    """Choose the range of one tensor: inside what was seen, zero included, never empty.

    Args:
        statistics: of the tensor.
        method: how to choose.
        bits: width of the integers.

    Raises:
        RecipeError: fewer than 2 bits.
    """
    if bits < 2:
        raise RecipeError(f"{bits} bits hold no range; give 2 or more")
    low, high = METHODS[method](statistics, bits)
    low, high = min(max(low, statistics.low), 0.0), max(min(high, statistics.high), 0.0)
    return low, max(high, low + SMALLEST_SPAN)


def decisive_range(winner: TensorStatistics, runner_up: TensorStatistics) -> Range:
    """Find the range of logits in which classes are decided: from the lowest winner to the highest runner-up.

    A class wins a pixel by being largest, so only values that may be the largest or come close to it need fine steps.
    What lies below every winner, and what lies above every runner-up, may be clipped: neither changes who wins. Logits
    often reach far below (a class that is out of the question), where a range over all values would spend most of its
    steps; pixels whose two best classes then round to the same step are decided by the order of the classes.

    Args:
        winner: statistics of each pixel's largest logit.
        runner_up: of each pixel's second largest.

    Returns:
        the range with `MARGIN` of its width on both sides, for pictures that were not seen, and zero.
    """
    low, high = winner.low, max(runner_up.high, winner.low + SMALLEST_SPAN)
    margin = MARGIN * (high - low)
    return min(low - margin, 0.0), max(high + margin, 0.0)


def _magnitudes(histogram: Histogram) -> tuple[NDArray[np.int64], float]:
    """Count absolute values in at most `BINS` bins from zero on; returns the width of a bin, too."""
    while max(abs(histogram.first), abs(histogram.first + len(histogram.counts))) > BINS:
        histogram = histogram.widened(histogram.exponent + 1)
    numbers = histogram.first + np.arange(len(histogram.counts))
    numbers = np.where(numbers < 0, -1 - numbers, numbers)
    counts = np.zeros(int(numbers.max()) + 1, dtype=np.int64)
    np.add.at(counts, numbers, histogram.counts)
    return counts, histogram.width


def _clipped(statistics: TensorStatistics, threshold: float) -> Range:
    return max(statistics.low, -threshold), min(statistics.high, threshold)
