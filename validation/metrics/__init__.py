"""One file a metric; each defines METRIC (see `validation.accuracy.metric`)."""

import importlib
import math
import pkgutil
from functools import cache
from importlib.metadata import entry_points

import numpy as np
from numpy.typing import NDArray

from validation.accuracy.metric import Metric
from validation.errors import ValidationError

ENTRY_POINTS = "segport.metrics"
"""Other packages add metrics under this group of entry points: a Metric."""


@cache
def metrics() -> dict[str, Metric]:
    """All metrics by name: ours, then those of other packages.

    Raises:
        ValidationError: two share a name, or a package offers something else.
    """
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    candidates = [(importlib.import_module(f"{__name__}.{name}").METRIC, name) for name in names]
    candidates += [(entry.load(), entry.value) for entry in entry_points(group=ENTRY_POINTS)]
    found: dict[str, Metric] = {}
    for candidate, origin in candidates:
        if not isinstance(candidate, Metric):
            raise ValidationError(f"entry point {origin!r} is no Metric; mend or uninstall the package that offers it")
        if candidate.name in found:
            raise ValidationError(f"two metrics are named {candidate.name!r}, one of them in {origin!r}; rename one")
        found[candidate.name] = candidate
    return found


def measured_metrics(counts: NDArray[np.int64], classes: tuple[str, ...]) -> dict[str, float | None]:
    """Every metric's value by name.

    Args:
        counts: int64 (C, C), rows truth.
        classes: their C names.

    Raises:
        ValidationError: a metric answered with NaN, infinity or no number.
    """
    found: dict[str, float | None] = {}
    for metric in metrics().values():
        value = metric.score(counts.copy(), classes)
        if value is not None and not (isinstance(value, float | int) and math.isfinite(value)):
            raise ValidationError(f"metric {metric.name!r} answered {value!r}; it must give a finite number or None")
        found[metric.name] = None if value is None else float(value)
    return found
