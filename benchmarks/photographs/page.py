"""docs/data/accuracy.md: the table of photographs, written between markers from the figures kept beside it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.kept_page import Parts, Results, table
from benchmarks.photographs.merging import CLASSES

PAGE = Path("docs/data/accuracy.md")
COLUMNS = {"float": "float", "tflite-int8_static": "int8_static", "coreml-int8_weights": "Core ML int8_weights"}


def photographs(results: Results) -> str:
    """Draw mean F1 of every checkpoint on every set, then F1 by class of the float networks."""
    rows, classes = [], []
    for key, found in sorted(results.get("photographs", {}).items()):
        model, _, name = key.partition(" on ")
        cells = [_percent(found[column]["mean_f1"]) if column in found else "\N{EN DASH}" for column in COLUMNS]
        rows.append([model, f"{name} ({found['photographs']})", *cells])
        classes.append([f"{model}, {name}", *(_percent(found["float"]["f1"][kind]) for kind in CLASSES[1:])])
    lines = [*table(["checkpoint", "photographs", *COLUMNS.values()], rows), ""]
    return "\n".join([*lines, *table(["F1 of the float network", *CLASSES[1:]], classes)]) + "\n"


PARTS: Parts = {"photographs": photographs}


def _percent(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{100 * value:.1f}"
