"""docs/measured/arm64.md.

Its tables, written between markers from docs/measured/figures/arm64.json, which keeps what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.kept_page import Parts, Results, table

PAGE = Path("docs/measured/arm64.md")
CLASSES_SHOWN = 5
"""Classes of instructions that the page names, the most frequent first."""


def arm64_tables(results: Results) -> str:
    """Instructions by recipe and CPU, what they are, agreement, and accuracy."""
    if "arm64" not in results:
        return "Not measured yet: `python -m benchmarks.arm64`.\n"
    part = results["arm64"]
    parts = [_instructions(part), _classes(part), _agreement(part), _accuracy(part["accuracy"])]
    return "\n".join("\n".join(lines) + "\n" for lines in parts)


def _instructions(part: Mapping[str, Any]) -> list[str]:
    cpus = list(part["instructions"])
    recipes = list(part["sha256"])
    rows = []
    for recipe in recipes:
        totals = [part["instructions"][cpu][recipe] for cpu in cpus]
        rows.append(
            (recipe, f"{part['bytes'][recipe] / 1e6:.2f} MB", *(f"{counts[0]['total']:,}" for counts in totals))
        )
    same = [_again(cpu, counts) for cpu in cpus for counts in part["instructions"][cpu].values() if len(counts) > 1]
    return [
        "**Executed instructions of one inference** (one thread, the first held-out face, 256 × 256):",
        "",
        *table(("recipe", ".tflite", *cpus), rows),
        "",
        *same,
    ]


def _again(cpu: str, counts: Sequence[Mapping[str, Any]]) -> str:
    totals = [count["total"] for count in counts]
    if len(set(totals)) == 1:
        return f"* {cpu}: counted in {len(totals)} separate processes, the same number."
    return (
        f"* {cpu}: counted in {len(totals)} separate processes, NOT the same number: "
        f"{', '.join(f'{t:,}' for t in totals)}."
    )


def _classes(part: Mapping[str, Any]) -> list[str]:
    recipe = next(iter(part["sha256"]))
    counts = {cpu: found[recipe][0] for cpu, found in part["instructions"].items()}
    first = next(iter(counts.values()))["by_class"]
    everything = sorted(
        {name for count in counts.values() for name in count["by_class"]}, key=lambda n: -first.get(n, 0)
    )
    often = {
        name
        for count in counts.values()
        for name in sorted(count["by_class"], key=lambda n: -count["by_class"][n])[:CLASSES_SHOWN]
    }
    rows = [
        (name, *(f"{100 * count['by_class'].get(name, 0) / count['total']:.1f} %" for count in counts.values()))
        for name in everything
        if name in often
    ]
    return [f"What {recipe} executes:", "", *table(("class of instruction", *counts), rows)]


def _agreement(part: Mapping[str, Any]) -> list[str]:
    rows = [
        (cpu, recipe, f"{found['bit_equal']} of {found['images']}", f"{found['largest_difference']:.1e}")
        for cpu, recipes in part["agreement"].items()
        for recipe, found in recipes.items()
    ]
    return [
        "**Against LiteRT with XNNPACK on the x86-64 machine**, the same files and pictures:",
        "",
        *table(("CPU", "recipe", "pictures with the same bits", "largest difference of a logit"), rows),
    ]


def _accuracy(part: Mapping[str, Any]) -> list[str]:
    rows = [
        (name, _score(reference), _score(mine), "" if None in (mine, reference) else f"{100 * (mine - reference):+.2f}")
        for name, reference, mine in zip(
            (*part["classes"], "mean"),
            (*part["float_iou"], part["float_miou"]),
            (*part["iou"], part["miou"]),
            strict=True,
        )
    ]
    return [
        f"**IoU of int8_static on {part['cpu']}**, {part['images']} held-out drawn faces, all executed there:",
        "",
        *table(("class", "float, torch", f"int8, {part['cpu']}", "points"), rows),
    ]


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


PARTS: Parts = {"arm64": arm64_tables}
"""Name of a part in markers and JSON -> how it is drawn."""
