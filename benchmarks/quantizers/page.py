"""docs/measured/quantizers.md.

Its tables, written between markers from docs/measured/figures/quantizers.json, which keeps what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.kept_page import Parts, Results
from benchmarks.quantizers.fine_tuned import fine_tuned_table
from benchmarks.quantizers.recipes import recipes_table

PAGE = Path("docs/measured/quantizers.md")
IMAGES = 400
"""How many drawn faces judge where nothing else is asked for."""
COMMANDS = {"peers": "python -m benchmarks.quantizers", "variants": "python -m benchmarks.quantizers --variants"}


def table(part: str, result: Mapping[str, Any] | None) -> str:
    """Write one part as Markdown."""
    if result is None:
        return f"Not measured yet: `{COMMANDS[part]}`.\n"
    timed = all("latency_ms" in row for row in result["rows"])
    head = [
        "quantizer",
        "size",
        "mIoU change [95 %]",
        "worst class",
        *(["p50 ms", "p90 ms", "conversion"] if timed else []),
    ]
    lines = [f"| {' | '.join(head)} |", "| --- | ---: | ---: | --- |" + " ---: |" * (len(head) - 4)]
    for row in result["rows"]:
        low, high = row["delta_miou_ci95"] or (float("nan"), float("nan"))
        cells = [
            row["title"],
            f"{row['bytes'] / 1e6:.2f} MB",
            f"{_points(row['delta_miou'])} pt [{_points(low)}, {_points(high)}]",
            f"{row['worst_class']} {_points(row['worst_delta'])} pt",
            *(_times(row) if timed else ()),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    threads = f", {result['threads']} threads" if timed else ""
    lines.append(
        f"\n{result['images']} drawn faces of the {result['split']} split, {result['calibration_images']} calibration "
        f"pictures{threads}. Made by `{COMMANDS[part]}{_asked(result['images'])}`."
    )
    return "\n".join(lines) + "\n"


def _asked(images: int) -> str:
    return "" if images == IMAGES else f" --images {images}"


def _times(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{row['latency_ms']['p50']:.1f}", f"{row['latency_ms']['p90']:.1f}", f"{row['seconds']:.0f} s"


def _points(change: float) -> str:
    """In points of IoU, 0.01 each."""
    return f"{100 * change:+.2f}"


def _drawn(part: str, results: Results) -> str:
    return table(part, results.get(part))


PARTS: Parts = {
    **{part: partial(_drawn, part) for part in COMMANDS},
    "recipes": lambda results: recipes_table(results.get("recipes")),
    "fine-tuned": lambda results: fine_tuned_table(results.get("fine-tuned")),
}
