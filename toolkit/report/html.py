"""Draw report.html: one file that needs nothing else, drawn by the templates beside this module."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.document.run_shape import Colour, Run
from toolkit.document.shape import ArtifactEntry, ReportDocument
from toolkit.report.content import figures as wording
from toolkit.report.content.charts import CHART_HEIGHT, CHART_WIDTH, latency_points, latency_spans, scatter, size_points
from toolkit.report.content.evidence import edge_means, edge_rows, flips
from toolkit.report.content.instructions import COLUMNS as INSTRUCTION_COLUMNS
from toolkit.report.content.instructions import TITLE as INSTRUCTION_TITLE
from toolkit.report.content.instructions import instruction_rows
from toolkit.report.content.metrics import TITLE as METRIC_TITLE
from toolkit.report.content.metrics import metric_columns, metric_rows
from toolkit.report.content.rows import (
    accuracy_words,
    default_runs,
    gaps,
    judging_run,
    matrix,
    shown_verdict,
    summarize,
)
from toolkit.report.content.sizes import size_rows

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_HEAT_STEPS = (0.0005, 0.0025, 0.01, 0.03)
"""Changes of IoU at which a cell gets the next darker tint; fixed, so that two reports can be compared by eye."""


_FIRST = ("fail", "warn", "not_run", "pass")
"""Checks in the order in which they want to be seen."""
_MOST_OPERATIONS = 25


@dataclass(frozen=True)
class ClassRow:
    """One class in the table of classes: its colour, the reference's IoU, and (IoU, change, interval, finding) per
    artifact.
    """

    name: str
    colour: str
    reference: float | None
    cells: tuple[tuple[float | None, float | None, tuple[float, float] | None, str | None], ...]


def render(document: ReportDocument, folder: Path) -> str:
    """Draw the page.

    Args:
        document: a checked report.
        folder: the run folder that example pictures are relative to; pictures that are missing, are no PNG or JPEG, or
            lie outside it are left out and said to be.
    """
    judged = [
        (artifact, run) for artifact in document.artifacts if (run := judging_run(document, artifact)) is not None
    ]
    spans, ticks = latency_spans(document)
    reference = document.reference.miou
    answered = list(dict.fromkeys(name for example in document.examples for name in example.artifacts))
    context: dict[str, Any] = {
        "report": document,
        "title": document.title or f"{document.model.name} on phones",
        "summary": summarize(document),
        "rows": matrix(document),
        "sizes": size_rows(document),
        "judged": judged,
        "classes": _class_rows(document, judged),
        "colours": _colours(document),
        "edges": edge_rows(document),
        "edge_means": edge_means(document),
        "flips": [(artifact.name, flips(document, run)) for artifact, run in judged],
        "checks": sorted(document.checks, key=lambda check: _FIRST.index(check.status)),
        "size_chart": scatter(size_points(document), reference, log=False),
        "latency_chart": scatter(latency_points(document), reference, log=True),
        "chart_width": CHART_WIDTH,
        "chart_height": CHART_HEIGHT,
        "spans": spans,
        "span_ticks": ticks,
        "formats": _formats(document),
        **_times(document),
        "instruction_rows": instruction_rows(document),
        "INSTRUCTION_COLUMNS": INSTRUCTION_COLUMNS,
        "INSTRUCTION_TITLE": INSTRUCTION_TITLE,
        "metric_rows": metric_rows(document),
        "metric_columns": metric_columns(document),
        "METRIC_TITLE": METRIC_TITLE,
        "examples": _examples(document, folder),
        "answered": answered,
        "shown_artifact": _shown_artifact(answered, judged),
        "gaps": gaps(document),
        "packages": _packages(document),
        "facts": _facts(document),
    }
    return _environment().get_template("report.html.j2").render(context)


def _times(document: ReportDocument) -> dict[str, Any]:
    """Gather what the tables of times show."""
    runs = [(artifact.name, run) for artifact in document.artifacts for run in default_runs(document, artifact)]
    counts = sorted({item.threads for _, run in runs for item in run.thread_sweep})
    swept = [
        (name, run, {item.threads: item.p50 for item in run.thread_sweep}) for name, run in runs if run.thread_sweep
    ]
    return {
        "timed_runs": [(name, run) for name, run in runs if run.latency_ms is not None],
        "sweep_counts": counts,
        "swept": [(name, run, [times.get(count) for count in counts]) for name, run, times in swept],
        "profiled": [(name, run) for name, run in runs if run.per_op is not None and run.per_op.status == "measured"],
    }


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("fraction", "percent", "megabytes", "milliseconds", "duration"):
        environment.filters[name] = getattr(wording, name)
    environment.filters["points"] = lambda change, unit=True: _minus(wording.points(change, unit=unit))
    environment.filters["interval"] = lambda bounds: _minus(wording.interval(bounds))
    environment.filters["minus"] = _minus
    environment.filters["heat"] = heat
    environment.filters["typeset"] = _typeset
    environment.filters["breakable"] = _breakable
    environment.globals |= {
        "accuracy_words": accuracy_words,
        "shown_verdict": shown_verdict,
        "counted": wording.counted,
        "judged_where": wording.judged_where,
        "ABSENT": wording.ABSENT,
        "MISSING": wording.MISSING,
        "MOST_OPERATIONS": _MOST_OPERATIONS,
        "VERDICT_WORDS": wording.VERDICT_WORDS,
        "STATUS_WORDS": wording.STATUS_WORDS,
    }
    return environment


def heat(change: float | None) -> str:
    """Give the style class of a change of IoU: ``down1`` to ``down4``, ``up1`` to ``up4``, or nothing near zero."""
    if change is None:
        return "none"
    step = sum(abs(change) >= limit for limit in _HEAT_STEPS)
    return f"{'down' if change < 0 else 'up'}{step}" if step else ""


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _typeset(sentence: str) -> Markup:
    """Set real minus signs, no line break between a figure and its unit, and what stands in backticks as code."""
    from markupsafe import Markup, escape

    signed = re.sub(r"(?<=\s)-(?=\d)", "−", sentence)
    joined = re.sub(r"(?<=\d) (?=(?:ms|MB|pt)\b)", "\u00a0", signed)
    parts = re.split(r"`([^`]+)`", joined)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def _breakable(name: str) -> Markup:
    """Let a name be broken after hyphens and underscores."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[-_])(?=\w)", name))


def _class_rows(document: ReportDocument, judged: list[tuple[ArtifactEntry, Run]]) -> list[ClassRow]:
    return [
        ClassRow(
            name,
            colour,
            document.reference.per_class_iou.get(name),
            tuple(
                (
                    run.per_class_iou.get(name),
                    run.delta_per_class_iou.get(name),
                    run.delta_per_class_iou_ci95.get(name),
                    run.finding_per_class.get(name),
                )
                for _, run in judged
            ),
        )
        for name, colour in _colours(document).items()
    ]


def _colours(document: ReportDocument) -> dict[str, str]:
    """Give the CSS colour of every class; empty where the model has none."""
    triples: list[Colour | None] = [*document.model.colours] or [None] * len(document.model.classes)
    return {
        name: "" if triple is None else "#{:02x}{:02x}{:02x}".format(*triple)
        for name, triple in zip(document.model.classes, triples, strict=True)
    }


def _formats(document: ReportDocument) -> dict[str, int]:
    """Give the position of every format in the page's palette, in order of appearance."""
    names = dict.fromkeys(artifact.format for artifact in document.artifacts)
    return {name: index % 5 for index, name in enumerate(names)} | {"reference": 9}


def _shown_artifact(answered: list[str], judged: list[tuple[ArtifactEntry, Run]]) -> str | None:
    """Choose the artifact whose answers the examples show first: the one that lost most."""
    losses = {artifact.name: run.delta_miou or 0.0 for artifact, run in judged}
    return min(answered, key=lambda name: losses.get(name, 0.0), default=None)


def _examples(document: ReportDocument, folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "id": example.id,
            "picture": _inlined(example.picture, folder),
            "truth": _inlined(example.truth, folder),
            "reference": _inlined(example.reference, folder),
            "answers": {
                name: {
                    "prediction": _inlined(answer.prediction, folder),
                    "difference": _inlined(answer.difference, folder),
                    "miou": answer.miou,
                    "pixel_agreement": answer.pixel_agreement,
                }
                for name, answer in example.artifacts.items()
            },
        }
        for example in document.examples
    ]


def _inlined(path: str | None, folder: Path) -> str | None:
    """Write a picture below `folder` as a data URI, or None if there is none."""
    if path is None:
        return None
    root, place = folder.resolve(), (folder / path).resolve()
    if not place.is_relative_to(root) or not place.is_file():
        return None
    content = place.read_bytes()
    kind = next((kind for signature, kind in _SIGNATURES.items() if content.startswith(signature)), None)
    return None if kind is None else f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _packages(document: ReportDocument) -> dict[str, str]:
    packages = document.environment.get("packages")
    if not isinstance(packages, dict):
        return {}
    return {str(name): "not installed" if version is None else str(version) for name, version in packages.items()}


def _facts(document: ReportDocument) -> dict[str, str]:
    """Describe the environment in plain words, without the packages."""
    facts = {}
    for key, value in document.environment.items():
        if key == "memory_bytes" and isinstance(value, int):
            facts["Memory"] = f"{value / 1e9:.1f} GB"
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            facts[key.replace("_", " ").capitalize()] = str(value)
    return facts
