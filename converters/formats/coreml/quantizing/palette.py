"""The table of values that a group of weights is reduced to: one-dimensional k-means, deterministic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 50
"""Lloyd's iteration has settled by then on every layer tried; it stops as soon as nothing moves."""


def palette_of(weights: NDArray[Any], bits: int, skip_zeros: bool = False) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Table and indices that reproduce `weights` with the least squared error (a local minimum of it).

    Lloyd's algorithm (Least Squares Quantization in PCM, 1982) on the distinct values, weighted by how often each
    occurs, from a start halfway between equal counts and equal steps: equal counts alone leave the rare large weights
    without an entry, equal steps alone leave most entries without weights.

    Args:
        weights: any shape.
        bits: width of an index.
        skip_zeros: zeros are stored by other means and need no entry; what index they get does not matter.

    Returns:
        table, of the dtype of `weights`, (2 ** bits,), ascending; its last value is repeated if fewer are needed.
        Indices, uint8, flat, in the order of `weights`.
    """
    flat = np.asarray(weights, dtype=np.float64).ravel()
    values, counts = np.unique(flat[flat != 0] if skip_zeros else flat, return_counts=True)
    if len(values) == 0:
        values, counts = np.zeros(1), np.ones(1, dtype=np.int64)
    size = 1 << bits
    table = values if len(values) <= size else _lloyd(values, counts.astype(np.float64), size)
    indices = np.searchsorted((table[1:] + table[:-1]) / 2, flat).astype(np.uint8)
    return np.pad(table, (0, size - len(table)), mode="edge").astype(weights.dtype), indices


def _lloyd(values: NDArray[np.float64], counts: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Centres of `size` groups of ascending `values`."""
    total = np.concatenate(([0.0], np.cumsum(counts)))
    moment = np.concatenate(([0.0], np.cumsum(counts * values)))
    equal_counts = values[np.searchsorted(total[1:], (np.arange(size) + 0.5) / size * total[-1])]
    centres = (equal_counts + np.linspace(values[0], values[-1], size)) / 2
    for _ in range(ROUNDS):
        borders = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2)
        edges = np.concatenate(([0], borders, [len(values)]))
        weight = np.diff(total[edges])
        moved = np.where(weight > 0, np.diff(moment[edges]) / np.maximum(weight, 1.0), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.sort(centres)
