"""Say why artifacts have not passed, in lines short enough for a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.document.shape import ArtifactEntry, ReportDocument
from validation.results.naming import title_of

_SHOWN = 3
_WORDS = {"fail": "fails", "not_run": "is not judged"}


@dataclass(frozen=True)
class ReasonLine:
    """One artifact's reasons, with the verdict they led to."""

    status: str
    sentence: str


def reason_lines(document: ReportDocument) -> list[ReasonLine]:
    """Write a line for every reason of what failed or was not judged.

    What `rows.gaps` says of runs is not said twice.
    """
    lines = []
    for artifact in document.artifacts:
        status = artifact.verdict.status
        if status not in _WORDS or not artifact.runs:
            continue
        reasons = _deciding(artifact)
        shown = reasons if len(reasons) <= _SHOWN else reasons[: _SHOWN - 1]
        lines += [ReasonLine(status, f"{artifact.name} {_WORDS[status]}: {reason}") for reason in shown]
        if len(shown) < len(reasons):
            more = f"{len(reasons) - len(shown)} more reasons in report.md"
            lines.append(ReasonLine(status, f"{artifact.name} {_WORDS[status]}: {more}"))
    return lines


def _deciding(artifact: ArtifactEntry) -> list[str]:
    """Choose the reasons that led to the verdict, without those that repeat why a run was not measured."""
    verdict = artifact.verdict
    unmeasured = {title_of(run) for run in artifact.runs if run.status != "measured"}
    if not verdict.details:
        return list(verdict.reasons)
    return [
        reason
        for reason, detail in zip(verdict.reasons, verdict.details, strict=True)
        if detail.outcome == verdict.status and detail.about not in unmeasured
    ]
