"""Show what stands behind the changes of IoU: what intervals allow to say, how edges moved, which classes became
which.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.document.run_shape import Run
from toolkit.document.shape import ReportDocument
from toolkit.report.content.figures import fraction, listed, points
from toolkit.report.content.rows import judging_run

FINDINGS = ("worse", "too few images to tell", "no difference shown", "better")
"""In the order in which people want to know them; `validation.verdict.significance` makes them."""
_MOST_FLIPS = 3


@dataclass(frozen=True)
class EdgeRow:
    """One class at its edges.

    Attributes:
        name: of the class.
        reference: boundary IoU of the float reference.
        cells: boundary IoU of each judged artifact and its change, in their order.
    """

    name: str
    reference: float | None
    cells: tuple[tuple[float | None, float | None], ...]


@dataclass(frozen=True)
class Flip:
    """Pixels that the float reference gives to one class and the artifact to another.

    `share` is of the class's pixels.
    """

    before: str
    after: str
    pixels: int
    share: float


def judged_runs(document: ReportDocument) -> list[tuple[str, Run]]:
    """Give artifact names with the run that judges each."""
    found = [(artifact.name, judging_run(document, artifact)) for artifact in document.artifacts]
    return [(name, run) for name, run in found if run is not None]


def findings_sentence(document: ReportDocument) -> str:
    """Write ``Change of mean IoU: worse for a and b; no difference shown for c``; empty if no interval was made."""
    where: dict[str, list[str]] = {}
    for name, run in judged_runs(document):
        if run.finding:
            where.setdefault(run.finding, []).append(name)
    parts = [f"{finding} for {listed(where[finding])}" for finding in FINDINGS if finding in where]
    return f"Change of mean IoU by the 95 % intervals: {'; '.join(parts)}." if parts else ""


def edge_rows(document: ReportDocument) -> list[EdgeRow]:
    """Give boundary IoU per class; empty unless the reference and a run have it."""
    before = document.reference.per_class_boundary_iou
    runs = [run.per_class_boundary_iou for _, run in judged_runs(document)]
    if not before or not any(runs):
        return []
    return [
        EdgeRow(
            name,
            before.get(name),
            tuple((scores.get(name), _change(scores.get(name), before.get(name))) for scores in runs),
        )
        for name in document.model.classes
    ]


def edge_means(document: ReportDocument) -> EdgeRow | None:
    """Give the same as means over the classes that have a value on both sides."""
    rows = edge_rows(document)
    if not rows:
        return None
    cells = []
    for column in range(len(rows[0].cells)):
        known = [row.cells[column] for row in rows if row.cells[column][1] is not None]
        cells.append((_mean([iou for iou, _ in known]), _mean([change for _, change in known])))
    return EdgeRow("mean", _mean([row.reference for row in rows]), tuple(cells))


def edges_sentence(document: ReportDocument) -> str:
    """Name the float reference's mean boundary IoU and the artifact whose edges moved most; empty without them."""
    mean = edge_means(document)
    if mean is None:
        return ""
    names = [name for name, _ in judged_runs(document)]
    known = [(change, name) for (_, change), name in zip(mean.cells, names, strict=True) if change is not None]
    if not known:
        return ""
    change, name = min(known)
    said = (
        f"; the largest loss is {points(change)} ({name})"
        if points(change).startswith("-")
        else "; no artifact lost any"
    )
    return f"At the edges: mean boundary IoU {fraction(mean.reference)} in the float reference{said}."


def flips(document: ReportDocument, run: Run) -> list[Flip]:
    """Find the changes of class that took the largest share of a class, at most a few."""
    if run.class_flips is None:
        return []
    names, found = document.model.classes, []
    for before, row in enumerate(run.class_flips):
        whole = sum(row)
        found += [
            Flip(names[before], names[after], pixels, pixels / whole)
            for after, pixels in enumerate(row)
            if after != before and pixels
        ]
    return sorted(found, key=lambda item: -item.share)[:_MOST_FLIPS]


def _change(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
