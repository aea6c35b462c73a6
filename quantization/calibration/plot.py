"""Draw all tensors' values and the range each method would give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quantization.calibration.methods import Method, range_of
from quantization.calibration.statistics import TensorStatistics

LEVELS = 200
"""Vertical resolution of a column."""


def plot_ranges(statistics: Mapping[str, TensorStatistics], path: Path, bits: int = 8) -> None:
    """Draw a PNG: a column a tensor, in the program's order, dark where values are frequent; a line a method.

    Every column is scaled to its tensor's largest magnitude.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(8.0, 0.16 * len(statistics)), 6.0), layout="constrained")
    axes = figure.subplots()
    density = np.stack([_column(item) for item in statistics.values()], axis=1)
    axes.imshow(density, aspect="auto", origin="lower", cmap="Greys", extent=(0, len(statistics), -1, 1))
    places = np.arange(len(statistics) + 1)
    for method, colour in zip(Method, ("C0", "C7", "C2", "C1", "C4", "C3"), strict=True):
        ranges = np.asarray([np.asarray(range_of(item, method, bits)) / _largest(item) for item in statistics.values()])
        for edge, label in ((ranges[:, 0], None), (ranges[:, 1], method.value)):
            axes.stairs(edge, places, baseline=None, color=colour, label=label, linewidth=1)
    axes.set(
        xlabel="tensor, in the program's order",
        ylabel="value, as a fraction of the largest magnitude",
        ylim=(-1.02, 1.02),
    )
    axes.legend(loc="lower right", ncols=3)
    unfinished = path.with_name(f".{path.name}")
    figure.savefig(unfinished, dpi=110, format="png")
    unfinished.replace(path)


def _column(item: TensorStatistics) -> NDArray[np.float64]:
    """Take the logarithm of the counts between -1 and 1 times the largest magnitude, float64 (LEVELS,)."""
    counts, _ = np.histogram(
        item.histogram.centres / _largest(item), bins=LEVELS, range=(-1, 1), weights=item.histogram.counts
    )
    logarithms: NDArray[np.float64] = np.log1p(counts)
    return logarithms / max(float(logarithms.max()), 1e-9)


def _largest(item: TensorStatistics) -> float:
    return max(abs(item.low), abs(item.high)) or 1.0
