"""Repair accuracy before rounding: pure functions on weights. Which way to round is in rounding.py.

Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction" (arXiv 1906.04721).
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]


class Repair(Enum):
    """Name what is done to a network before its weights are rounded; the values are the command line's names."""

    EQUALIZE = "equalize"
    """Channels between two layers are scaled so that both layers' weights have like ranges; exact in floats."""
    BIAS = "bias"
    """Rounding shifts the mean of each output channel; the bias takes it back."""
    GPTQ = "gptq"
    """Weights are rounded one after the other, those that are left make up for the error (`quantization.rounding`)."""


def largest_magnitudes(weights: Weights, axis: int) -> NDArray[np.float64]:
    """Find the largest absolute value of each slice along `axis`, float64 (channels,)."""
    others = tuple(index for index in range(weights.ndim) if index != axis % weights.ndim)
    largest: NDArray[np.float64] = np.abs(weights.astype(np.float64)).max(axis=others)
    return largest


def equalizing_scales(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute divisors of the channels between two layers with a ReLU, or nothing, between them (equation 11).

    The first layer's output channel i and its bias are divided by s_i, the second's input channel i multiplied by it:
    then both have the same largest weight. A ReLU lets positive factors through.

    Args:
        first: largest magnitude of each output channel of the first layer, (channels,).
        second: of each input channel of the second.

    Returns:
        float64 (channels,); 1 where a channel is dead on either side.
    """
    alive = (first > 0) & (second > 0)
    scales: NDArray[np.float64] = np.sqrt(np.divide(first, second, out=np.ones_like(first), where=alive))
    return scales


def bias_shift(
    weights: Weights, stored: Weights, means: NDArray[np.float64], out: int, into: int | None
) -> NDArray[np.float64]:
    """Compute what to add to a layer's bias so that rounded weights keep the mean of its answer (section 4.2).

    E[W x] - E[W' x] is (W - W') E[x], with the mean of each input channel over calibration pictures. At the picture's
    rim, where padding makes part of x zero, it is a little too much.

    Args:
        weights, stored: the layer's weights and what the file will hold of them.
        means: mean of each input channel, (channels,).
        out: axis of `weights` that holds output channels.
        into: axis that holds input channels; None for a depthwise layer, whose channels are its outputs.

    Returns:
        float64 (output channels,).
    """
    lost = weights.astype(np.float64) - stored
    if into is None:
        others = tuple(index for index in range(lost.ndim) if index != out % lost.ndim)
        total: NDArray[np.float64] = lost.sum(axis=others) * means
        return total
    shape = [1] * lost.ndim
    shape[into] = len(means)
    others = tuple(index for index in range(lost.ndim) if index != out % lost.ndim)
    shifted: NDArray[np.float64] = (lost * means.reshape(shape)).sum(axis=others)
    return shifted
