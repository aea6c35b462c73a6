"""Find words for the metrics beside IoU and F1; every kind of report draws the same rows."""

from __future__ import annotations

from toolkit.document.run_shape import Run
from toolkit.document.shape import ReportDocument
from toolkit.report.content.figures import MISSING, fraction

TITLE = "Other metrics"


def metric_columns(document: ReportDocument) -> tuple[str, ...]:
    """Give the head of the table: the metrics that any run has; nothing if none has one."""
    names = _names(document)
    return ("artifact", "runtime", *(name.replace("_", " ") for name in names)) if names else ()


def metric_rows(document: ReportDocument) -> list[tuple[str, ...]]:
    """Make a row of the float reference, then one row a run that was judged."""
    names = _names(document)
    if not names:
        return []
    first = ("float reference", document.reference.runner, *_values(document.reference.metrics, names))
    return [first] + [
        (artifact.name, run.title, *_values(run.metrics, names))
        for artifact in document.artifacts
        for run in artifact.runs
        if run.metrics
    ]


def _names(document: ReportDocument) -> list[str]:
    runs: list[Run] = [run for artifact in document.artifacts for run in artifact.runs]
    return list(dict.fromkeys(name for run in runs for name in run.metrics))


def _values(found: dict[str, float | None], names: list[str]) -> list[str]:
    return [MISSING if found.get(name) is None else fraction(found[name]) for name in names]
