"""Define a metric in a few lines: Cohen's kappa (Cohen 1960), agreement beyond what chance would give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.accuracy.metric import Metric


def score(counts: NDArray[np.int64], classes: tuple[str, ...]) -> float | None:
    """Score the pooled confusion matrix, rows truth; None where chance alone would always agree."""
    total = float(counts.sum())
    if not total:
        return None
    observed = float(np.trace(counts)) / total
    chance = float((counts.sum(axis=1) / total) @ (counts.sum(axis=0) / total))
    return None if chance == 1 else (observed - chance) / (1 - chance)


KAPPA = Metric("cohens_kappa", "Cohen's kappa", score)
