"""The label operation of classifiers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from validation.milrun.registry import op


@op("classify")
def classify(probabilities: Tensor, classes: Any) -> tuple[Any, dict[Any, float]]:
    """Return the most probable label, and the probability of every label."""
    labels = [int(label) if isinstance(label, torch.Tensor) else label for label in classes]
    values = [float(value) for value in probabilities.flatten().tolist()]
    table = dict(zip(labels, values, strict=True))
    return labels[max(range(len(values)), key=values.__getitem__)], table
