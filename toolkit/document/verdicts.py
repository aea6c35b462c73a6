"""Give every artifact of a finished report its verdict, from all that the report holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantization.recipes import is_quantized
from toolkit.document.caveats import meaningless
from toolkit.document.shape import ArtifactEntry, ReportDocument, VerdictEntry
from validation.verdict.gains import Weighed, payoff
from validation.verdict.gates import Gates
from validation.verdict.judge import judge

if TYPE_CHECKING:
    from validation.verdict.judge import Reason

FLOAT = "float32"
"""The recipe that quantized artifacts of the same format must gain against."""
NOT_JUDGED = VerdictEntry(status="not_run", reasons=[])
"""The verdict of an artifact whose report is not finished."""


def not_made(reason: str) -> VerdictEntry:
    """Give the verdict on an artifact that could not be made."""
    return VerdictEntry(status="fail", reasons=[reason])


def judged(report: ReportDocument) -> ReportDocument:
    """Judge every artifact that was made by its runs, its limits, its gain, its checks, and whether scores mean
    anything here.

    A function of those alone: doing it twice changes nothing. What could not be made, or was recorded without limits
    (by an early version), keeps the verdict it has.
    """
    report = report.model_copy(update={"meaningless": meaningless(report.reference, on_purpose=report.dataset.ignores)})
    plain = {item.format: item for item in report.artifacts if item.path is not None and item.recipe == FLOAT}
    verdicts = [_verdict(item, plain.get(item.format), report) for item in report.artifacts]
    artifacts = [
        item.model_copy(update={"verdict": verdict}) for item, verdict in zip(report.artifacts, verdicts, strict=True)
    ]
    return report.model_copy(update={"artifacts": artifacts})


def gates_of(artifact: ArtifactEntry) -> Gates | None:
    """Give the limits that an artifact is judged by; None if an early version recorded none."""
    limits = artifact.limits
    if limits is None:
        return None
    return Gates(limits.miou_drop, limits.class_drop, on_bound=limits.on_bound, agreement=limits.agreement)


def _verdict(artifact: ArtifactEntry, plain: ArtifactEntry | None, report: ReportDocument) -> VerdictEntry:
    gates = gates_of(artifact)
    if artifact.path is None or gates is None:
        return artifact.verdict
    failed = [check for check in report.checks if check.status == "fail" and check.artifact == artifact.name]
    found = judge(artifact.runs, gates, _gains(artifact, plain), failed, report.meaningless)
    return VerdictEntry.model_validate(found, from_attributes=True)


def _gains(artifact: ArtifactEntry, plain: ArtifactEntry | None) -> tuple[Reason, ...]:
    """Weigh a quantized artifact against the float one of its format; nothing for others."""
    if plain is None or not is_quantized(artifact.recipe) or artifact.size_bytes is None or plain.size_bytes is None:
        return ()
    mine = Weighed(artifact.name, artifact.size_bytes, artifact.runs)
    return payoff(mine, Weighed(plain.name, plain.size_bytes, plain.runs))
