"""docs/quantization.md: its tables, written between markers from docs/quantization.json, which keeps what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.quantizers.results import Results, read_results
from fpliif.checkpoint import replace_file
from toolkit.errors import UsageError

PAGE = Path("docs/quantization.md")
PARTS = {"peers": "python -m benchmarks.quantizers", "variants": "python -m benchmarks.quantizers --variants"}


def keep_result(page: Path, part: str, result: Mapping[str, Any]) -> None:
    """Replace one part of the results and write the page anew; raises UsageError if the page lacks a marker."""
    results = read_results(page) | {part: dict(result)}
    text = filled(page, results)
    replace_file(page.with_suffix(".json"), (json.dumps(results, indent=1) + "\n").encode())
    replace_file(page, text.encode())


def filled(page: Path, results: Results) -> str:
    """The page's text with every table between its markers."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{page} cannot be read ({error.strerror}); run this in the repository's folder") from None
    for part in PARTS:
        start, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
        if start not in text or end not in text:
            raise UsageError(f"{page} lacks the markers {start.strip()} and {end}; put them back")
        before, rest = text.split(start, 1)
        text = before + start + table(part, results.get(part)) + end + rest.split(end, 1)[1]
    return text


def tables(results: Results) -> str:
    """All parts, for a terminal."""
    return "\n".join(table(part, results.get(part)) for part in PARTS)


def table(part: str, result: Mapping[str, Any] | None) -> str:
    """One part as Markdown."""
    if result is None:
        return f"Not measured yet: `{PARTS[part]}`.\n"
    timed = all("latency_ms" in row for row in result["rows"])
    head = [
        "quantizer",
        "size",
        "mIoU change [95 %]",
        "worst class",
        *(["p50 ms", "p90 ms"] if timed else []),
        "conversion",
    ]
    lines = [f"| {' | '.join(head)} |", "| --- | ---: | ---: | --- |" + " ---: |" * (len(head) - 4)]
    for row in result["rows"]:
        low, high = row["delta_miou_ci95"] or (float("nan"), float("nan"))
        cells = [
            row["title"],
            f"{row['bytes'] / 1e6:.2f} MB",
            f"{_points(row['delta_miou'])} pt [{_points(low)}, {_points(high)}]",
            f"{row['worst_class']} {_points(row['worst_delta'])} pt",
            *([f"{row['latency_ms']['p50']:.1f}", f"{row['latency_ms']['p90']:.1f}"] if timed else []),
            f"{row['seconds']:.0f} s",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    threads = f", {result['threads']} threads" if timed else ""
    lines.append(
        f"\n{result['images']} drawn faces of the {result['split']} split, {result['calibration_images']} calibration "
        f"pictures{threads}. Made by `{PARTS[part]}`."
    )
    return "\n".join(lines) + "\n"


def _points(change: float) -> str:
    """In points of IoU, 0.01 each."""
    return f"{100 * change:+.2f}"
