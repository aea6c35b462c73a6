"""docs/measured/networks.md.

Its tables, written between markers from docs/measured/figures/networks.json, which keeps what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.kept_page import Parts, Results
from benchmarks.networks.networks import DEFAULT, NETWORKS, ON_REQUEST

PAGE = Path("docs/measured/networks.md")
PART = "networks"
COMMAND = "python -m benchmarks.networks"
TITLES = {"tflite": "TFLite, in LiteRT", "coreml": "Core ML, in milrun"}


def table(result: Mapping[str, Any] | None) -> str:
    """Write the networks, their agreement by format and recipe, and what could not be made, as Markdown."""
    if result is None or not result["networks"]:
        return f"Not measured yet: `{COMMAND}`.\n"
    rows = result["networks"]
    titles = {network.name: network.title for network in NETWORKS}
    lines = [
        "| network | package | parameters | classes | of which win |",
        "| --- | --- | ---: | ---: | ---: |",
        *(
            f"| {titles[name]} | {row['package']} | {row['parameters'] / 1e6:.2f} M | {row['classes']} | "
            f"{row['winning']} |"
            for name, row in rows.items()
        ),
    ]
    for form, title in TITLES.items():
        lines += ["", f"{title}: pixels in 100 that get torch's class.", "", *_agreements(form, rows, titles)]
    lines += ["", *_failures(rows, titles)]
    lines.append(
        f"\n{result['pictures']} drawn faces judge, {result['calibration']} of the training split calibrate. Made "
        f"by `{COMMAND}` "
        f"and `{COMMAND} --every-recipe`."
    )
    return "\n".join(lines) + "\n"


def _agreements(form: str, rows: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    names = {name for row in rows.values() for name in (*row["artifacts"], *row["failed"])}
    recipes = [name for name in (*DEFAULT, *ON_REQUEST) if f"{form}-{name}" in names]
    lines = [f"| network | {' | '.join(recipes)} |", "| --- |" + " ---: |" * len(recipes)]
    for name, row in rows.items():
        cells = [_cell(row, f"{form}-{recipe}") for recipe in recipes]
        lines.append(f"| {titles[name]} | {' | '.join(cells)} |")
    return lines


def _cell(row: Mapping[str, Any], artifact: str) -> str:
    if artifact in row["failed"]:
        return "not made"
    found = row["artifacts"].get(artifact)
    if found is None:
        return ""
    return f"{100 * found['agreement']:.2f}" if "agreement" in found else "not run"


def _failures(rows: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """Write what could not be made or run, one line for each reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, row in rows.items():
        missing = {artifact: _shortened(artifact, said) for artifact, said in row["failed"].items()}
        missing |= {
            artifact: cell["reason"]
            for artifact, cell in row["artifacts"].items()
            if "reason" in cell and artifact not in missing
        }
        for artifact, reason in missing.items():
            reasons.setdefault((titles[name], reason), []).append(artifact)
    found = [f"- {title}, {', '.join(artifacts)}: {reason}" for (title, reason), artifacts in reasons.items()]
    return ["What could not be made or run:", "", *found] if found else ["Everything could be made and ran."]


def _shortened(artifact: str, said: str) -> str:
    """Shorten a reason by its artifact's name and by paths, which lie on the machine that measured."""
    words = said.split("; the whole story is in ", 1)[0].removeprefix(f"{artifact} could not be made through ")
    words = words.split("; its last words were ", 1)[0]  # a progress bar, often
    return re.sub(r"/\S*/site-packages/", "", words)


def _drawn(results: Results) -> str:
    return table(results.get(PART))


PARTS: Parts = {PART: _drawn}
