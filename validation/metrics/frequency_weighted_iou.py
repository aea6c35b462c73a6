"""IoU of every class weighted by its share of the labelled pixels (Long, Shelhamer and Darrell, CVPR 2015)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.accuracy.confusion import iou_values
from validation.accuracy.metric import Metric


def score(counts: NDArray[np.int64], classes: tuple[str, ...]) -> float | None:
    """Sum of share times IoU over the classes that are in the labels; None without a labelled pixel."""
    truth = counts.sum(axis=1)
    if not truth.sum():
        return None
    return float((np.nan_to_num(iou_values(counts)) * truth).sum() / truth.sum())


METRIC = Metric("frequency_weighted_iou", "IoU weighted by frequency", score)
