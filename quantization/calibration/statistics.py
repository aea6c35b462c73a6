"""Keep of every tensor what calibration needs: exact extremes, a histogram, channel means."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quantization.calibration.histogram import BINS, Histogram
from quantization.errors import RecipeError

SAMPLED = 1 << 16
"""Values of one tensor and picture that enter its histogram, evenly spread; extremes and means see all of them."""
FORMAT = 2
__all__ = ["BINS", "Histogram", "StatisticsRecorder", "TensorStatistics", "load_statistics", "save_statistics"]


@dataclass(frozen=True)
class TensorStatistics:
    """Hold the statistics of one tensor over all calibration pictures.

    Attributes:
        lows, highs: smallest and largest value in each picture, float64 (pictures,).
        histogram: of an even sample of the values.
        channel_means: mean of every channel (last axis for TFLite), float64 (channels,); empty for scalars.
    """

    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    histogram: Histogram
    channel_means: NDArray[np.float64]

    @property
    def low(self) -> float:
        return float(self.lows.min())

    @property
    def high(self) -> float:
        return float(self.highs.max())


class StatisticsRecorder:
    """Gather statistics while a program runs on one picture after the other.

    Args:
        channel_axis: axis of a tensor whose means are kept one by one.
    """

    def __init__(self, channel_axis: int = -1) -> None:
        self._axis = channel_axis
        self._lows: dict[str, list[float]] = {}
        self._highs: dict[str, list[float]] = {}
        self._histograms: dict[str, Histogram] = {}
        self._means: dict[str, list[NDArray[np.float64]]] = {}

    def add(self, name: str, values: NDArray[np.floating]) -> None:
        """Take in tensor `name` of the present picture.

        Raises:
            RecipeError: it holds NaN or infinity, from which no range follows.
        """
        low, high = float(values.min()), float(values.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RecipeError(
                f"tensor {name!r} holds NaN or infinity on a calibration picture, so it has no range; "
                "check the weights and the pixel range, or keep that layer in float"
            )
        self._lows.setdefault(name, []).append(low)
        self._highs.setdefault(name, []).append(high)
        counted = Histogram.of(_sample(values))
        known = self._histograms.get(name)
        self._histograms[name] = counted if known is None else known + counted
        if values.ndim:
            others = tuple(axis for axis in range(values.ndim) if axis != self._axis % values.ndim)
            self._means.setdefault(name, []).append(values.mean(axis=others, dtype=np.float64))

    def statistics(self) -> dict[str, TensorStatistics]:
        """Return the statistics of every tensor seen, by name."""
        return {
            name: TensorStatistics(
                np.asarray(self._lows[name]),
                np.asarray(self._highs[name]),
                histogram,
                np.mean(self._means[name], axis=0) if name in self._means else np.zeros(0),
            )
            for name, histogram in self._histograms.items()
        }


def _sample(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Take every n-th value, n without a common factor with the last axis, so that no channel is left out."""
    step = max(1, -(-values.size // SAMPLED))
    while values.ndim and math.gcd(step, values.shape[-1]) > 1:
        step += 1
    return values.reshape(-1)[::step]


def save_statistics(path: Path, statistics: Mapping[str, TensorStatistics]) -> None:
    """Write one .npz, whole or not at all."""
    table = [[name, item.histogram.exponent, item.histogram.first] for name, item in statistics.items()]
    arrays: dict[str, NDArray[np.generic]] = {"table": np.asarray(json.dumps([FORMAT, table]))}
    for number, item in enumerate(statistics.values()):
        arrays |= {
            f"lows{number}": item.lows,
            f"highs{number}": item.highs,
            f"counts{number}": item.histogram.counts,
            f"means{number}": item.channel_means,
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # its stub mistakes the names for options
    unfinished.replace(path)


def load_statistics(path: Path) -> dict[str, TensorStatistics] | None:
    """Read what `save_statistics` wrote, or None if there is nothing of this version."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        version, table = json.loads(str(arrays["table"]))
        if version != FORMAT:
            return None
        return {
            name: TensorStatistics(
                arrays[f"lows{number}"],
                arrays[f"highs{number}"],
                Histogram(exponent, first, arrays[f"counts{number}"]),
                arrays[f"means{number}"],
            )
            for number, (name, exponent, first) in enumerate(table)
        }
