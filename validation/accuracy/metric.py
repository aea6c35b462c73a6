"""The contract of a metric: one number from the pooled confusion matrix, reported beside IoU and F1.

Every module in `validation.metrics` defines METRIC, and so may other packages. Metrics inform; limits are of IoU alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.int64], tuple[str, ...]], float | None]
"""From counts, int64 (C, C) with rows truth, and the names of the classes; None where the number does not exist."""


@dataclass(frozen=True)
class Metric:
    """A number that tells how well an answer fits the labels.

    Attributes:
        name: key in reports, in lower case with underscores.
        title: for people.
        score: see `Score`; called once a run, never with a picture.
        best: value of a perfect answer.
    """

    name: str
    title: str
    score: Score
    best: float = 1.0
