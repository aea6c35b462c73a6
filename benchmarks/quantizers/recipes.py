"""What every recipe costs, from the report of a run over many held-out faces.

    segport run --formats tflite,coreml --images 400 --latency-samples 0 --out runs/recipes-400 --recipes \\
        float16,int8_dynamic,int8_static,int4_dynamic,int8_weights,w8a8,palette6,int4_weights
    python -m benchmarks.quantizers --recipes runs/recipes-400
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = (
    "segport run --formats tflite,coreml --images 400 --latency-samples 0 --out runs/recipes-400 --recipes "
    "float16,int8_dynamic,int8_static,int4_dynamic,int8_weights,w8a8,palette6,int4_weights"
)


TARGETS = {
    "float16": (0.02, 0.05),
    "int8_dynamic": (0.1, 0.3),
    "int8_static": (0.2, 0.5),
    "int4_dynamic": (1.0, 2.5),
    "int8_weights": (0.1, 0.3),
    "w8a8": (0.3, 0.8),
    "palette6": (0.2, 0.5),
    "int4_weights": (1.0, 2.5),
}
"""Points of IoU that a recipe may cost the shipped network: in the mean, and any single class."""


def read_recipes(run: Path) -> dict[str, Any]:
    """Read the rows of the table.


    Raises:
        UsageError: there is no readable report, or nothing in it was measured.
    """
    from toolkit.errors import UsageError

    try:
        report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{run} holds no readable report.json ({error}); first: {COMMAND}") from error
    found = [row for artifact in report["artifacts"] if (row := _row(artifact)) is not None]
    if not found:
        raise UsageError(f"nothing in {run} was measured; first: {COMMAND}")
    data = report["dataset"]
    return {
        "images": data["images"],
        "split": data["split"],
        "weights_sha256": report["model"]["weights_sha256"],
        "rows": found,
    }


def merged(earlier: Mapping[str, Any] | None, found: dict[str, Any]) -> dict[str, Any]:
    """Add to `found` the earlier rows of recipes that are not in it, if they are of the same weights and pictures."""
    same = ("images", "split", "weights_sha256")
    if earlier is None or any(earlier[key] != found[key] for key in same):
        return found
    new = {(row["format"], row["recipe"]): row for row in found["rows"]}
    rows = [new.pop((row["format"], row["recipe"]), row) for row in earlier["rows"]]
    return {**found, "rows": [*rows, *new.values()]}


def _row(artifact: Mapping[str, Any]) -> dict[str, Any] | None:
    measured = [run for run in artifact["runs"] if run["status"] == "measured"]
    if not measured or artifact["recipe"] not in TARGETS:
        return None
    (run, *_) = measured
    changes = {name: change for name, change in run["delta_per_class_iou"].items() if change is not None}
    worst = min(changes, key=lambda name: changes[name])
    return {
        "recipe": artifact["recipe"],
        "format": artifact["format"],
        "runner": run["runner"],
        "bytes": artifact["size_bytes"],
        "delta_miou": run["delta_miou"],
        "delta_miou_ci95": run["delta_miou_ci95"],
        "worst_class": worst,
        "worst_delta": changes[worst],
    }


def recipes_table(result: Mapping[str, Any] | None) -> str:
    """Write the table as Markdown."""
    if result is None:
        return f"Not measured yet: `{COMMAND}`.\n"
    lines = [
        "| recipe | target | size | mIoU change [95 %] | worst class | target | kept |",
        "| --- | --- | ---: | ---: | --- | ---: | --- |",
    ]
    for row in result["rows"]:
        low, high = row["delta_miou_ci95"] or (float("nan"), float("nan"))
        mean, single = TARGETS[row["recipe"]]
        kept = -100 * row["delta_miou"] <= mean and -100 * row["worst_delta"] <= single
        cells = [
            f"`{row['recipe']}`",
            f"{row['format']} ({row['runner']})",
            f"{row['bytes'] / 1e6:.2f} MB",
            f"{_points(row['delta_miou'])} pt [{_points(low)}, {_points(high)}]",
            f"{row['worst_class']} {_points(row['worst_delta'])} pt",
            f"{mean:g} / {single:g}",
            "yes" if kept else "no",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(
        f"\n{result['images']} drawn faces of the {result['split']} split; targets in points, of the mean and of "
        "any class. Made by "
        f"`{COMMAND}` and `python -m benchmarks.quantizers --recipes runs/recipes-400`."
    )
    return "\n".join(lines) + "\n"


def _points(change: float) -> str:
    return f"{100 * change:+.2f}"
