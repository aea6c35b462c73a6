"""Share of each class's pixels that are found, averaged over classes (Long, Shelhamer and Darrell, CVPR 2015)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.accuracy.confusion import mean_over_present, optional, ratio
from validation.accuracy.metric import Metric


def score(counts: NDArray[np.int64], classes: tuple[str, ...]) -> float | None:
    """Mean recall over the classes that are in the labels; None without any."""
    recall = ratio(np.diagonal(counts).astype(np.float64), counts.sum(axis=1))
    return optional(mean_over_present(recall)[np.newaxis])[0]


METRIC = Metric("mean_accuracy", "mean accuracy of classes", score)
