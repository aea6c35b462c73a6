"""Describe runs on pictures without labels, for people: agreement with the float network, where classes went, how
sure it had been.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.document.run_shape import Run
from toolkit.document.shape import ReportDocument
from toolkit.report.content.figures import MISSING, percent

NOTICE = "There were no labels: figures say how far artifacts agree with the float network, not how right either is."
COLUMNS = ("artifact", "runtime", "agreement", "classes that changed most", "margin mean", "margin p95")
"""The last two: the float network's lead of its first class over its second, in logits, at pixels that changed."""


@dataclass(frozen=True)
class AgreementRow:
    """One run, in words."""

    artifact: str
    runtime: str
    agreement: str
    flips: str
    margin_mean: str
    margin_p95: str

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.artifact, self.runtime, self.agreement, self.flips, self.margin_mean, self.margin_p95)


def agreement_rows(document: ReportDocument) -> list[AgreementRow]:
    """Make one row a measured run; nothing where there were labels."""
    if document.dataset.labels:
        return []
    return [
        AgreementRow(
            artifact.name,
            run.title,
            percent(run.pixel_agreement),
            largest_flips(run, document.model.classes),
            *_margins(run),
        )
        for artifact in document.artifacts
        for run in artifact.runs
        if run.status == "measured"
    ]


def largest_flips(run: Run, classes: list[str], count: int = 2) -> str:
    """Write ``hair to background 0.21 %``: the commonest changes of class, as shares of all pixels."""
    if not run.class_flips:
        return MISSING
    total = sum(map(sum, run.class_flips))
    found = [
        (pixels, classes[before], classes[after])
        for before, row in enumerate(run.class_flips)
        for after, pixels in enumerate(row)
        if before != after and pixels
    ]
    ranked = sorted(found, key=lambda item: -item[0])[:count]
    return ", ".join(f"{before} to {after} {percent(pixels / total)}" for pixels, before, after in ranked) or "none"


def _margins(run: Run) -> tuple[str, str]:
    margin = run.margin_at_flips
    if margin is None or margin.mean is None or margin.p95 is None:
        return MISSING, MISSING
    return f"{margin.mean:.3g}", f"{margin.p95:.3g}"
