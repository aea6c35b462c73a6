"""Resample pictures, paired: how far a difference in IoU could move with another draw of pictures.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval). Pictures are drawn
with replacement, the same draw for artifact and reference; confusion matrices of the drawn pictures are added up and
the IoUs formed last, exactly as for the reported figure. A draw is a vector of weights: all draws are one product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.accuracy.confusion import mean_over_present, ratio
from validation.errors import ValidationError
from validation.results.run import Interval

RESAMPLES = 10_000
_CHUNK_CELLS = 4_000_000
"""Weights held at once: 32 MB as float64, whatever the number of pictures."""


@dataclass(frozen=True)
class DeltaIntervals:
    """95 % intervals of artifact minus reference, as fractions; None where no draw gave a value.

    Attributes:
        miou: interval of the difference in mean IoU; None with fewer than two pictures.
        per_class: interval of the difference in each class's IoU, position = class id. Draws in which the class is
            absent from either side are left out.
    """

    miou: Interval | None
    per_class: tuple[Interval | None, ...]


def delta_intervals(
    artifact: NDArray[Any], reference: NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0
) -> DeltaIntervals:
    """Form 95 % percentile intervals of IoU differences between two models on the same pictures.

    Args:
        artifact: per-picture confusion matrices, integers (N, C, C).
        reference: the same for the reference, same pictures in the same order.
        resamples: number of draws.
        seed: of the draws; equal seeds give equal intervals.

    Raises:
        ValidationError: shapes differ or are not (N, C, C), or resamples < 1.
    """
    if artifact.shape != reference.shape or artifact.ndim != 3 or artifact.shape[1] != artifact.shape[2]:
        raise ValidationError(
            f"per-picture matrices of shapes {artifact.shape} and {reference.shape} cannot be paired; "
            "both must be (pictures, classes, classes) of the same pictures"
        )
    if resamples < 1:
        raise ValidationError(f"resamples is {resamples}; give 1 or more")
    pictures, classes = artifact.shape[:2]
    if pictures < 2:
        return DeltaIntervals(None, (None,) * classes)
    columns = np.concatenate([*_parts(artifact), *_parts(reference)], axis=1)
    means, by_class = [], []
    for weights in _draws(pictures, resamples, seed):
        hits_a, union_a, hits_r, union_r = np.split(weights @ columns, 4, axis=1)
        iou_a, iou_r = ratio(hits_a, union_a), ratio(hits_r, union_r)
        means.append(mean_over_present(iou_a) - mean_over_present(iou_r))
        by_class.append(iou_a - iou_r)
    per_class = np.concatenate(by_class)
    return DeltaIntervals(
        miou=_interval(np.concatenate(means)), per_class=tuple(_interval(per_class[:, c]) for c in range(classes))
    )


def delta_miou_ci95(
    artifact: NDArray[Any], reference: NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Form the interval of the difference in mean IoU alone; see `delta_intervals`."""
    return delta_intervals(artifact, reference, resamples=resamples, seed=seed).miou


def _parts(matrices: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give intersection and union per picture and class, (N, C) each; both add up over pictures."""
    hits = np.diagonal(matrices, axis1=1, axis2=2).astype(np.float64)
    union = matrices.sum(axis=1, dtype=np.int64) + matrices.sum(axis=2, dtype=np.int64) - hits
    return hits, union


def _draws(pictures: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Make blocks of draws: float64 (draws, pictures), how often each picture was drawn."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _CHUNK_CELLS // pictures)
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = generator.integers(0, pictures, size=(count, pictures), dtype=np.int32)
        drawn += np.arange(count, dtype=np.int32)[:, np.newaxis] * np.int32(pictures)
        yield np.bincount(drawn.reshape(-1), minlength=count * pictures).reshape(count, pictures).astype(np.float64)


def _interval(deltas: NDArray[np.float64]) -> Interval | None:
    known = deltas[~np.isnan(deltas)]
    if known.size == 0:
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)
