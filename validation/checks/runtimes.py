"""Do runtimes of one format agree on what the file says?

The reference kernels define what each operation means; XNNPACK, the builtin kernels and the runtime of older apps
must come to the same classes. Which ones are asked is decided where the evidence is gathered: reference kernels are
minutes a picture on large networks.
"""

from __future__ import annotations

from typing import Any

from validation.checks.base.contract import ArtifactCheck, CheckStatus, Finding
from validation.checks.base.evidence import ArtifactEvidence
from validation.errors import RunnerError
from validation.runners.base.values import label_map

_PICTURES = 1
"""Shown to the other runtimes.

Some of them are slow, and a kernel that computes something else shows on any picture.
"""
LIMITS = {True: (0.999, 0.99), False: (0.99, 0.95)}
"""By lossless: shares of pixels with the same class below which it is a warning and a failure. Integer kernels round
the same sum in more than one way, so pixels near an edge may tip."""


def look(evidence: ArtifactEvidence) -> Finding:
    """Warn or fail where runtimes disagree; a runtime that is missing or cannot run the file is named in the facts."""
    mine = [label_map(answer) for answer in evidence.shown.answers[:_PICTURES]]
    agreement, failed = {}, {}
    for title, make in evidence.others.items():
        try:
            theirs = evidence.labels_in(make, len(mine))
        except RunnerError as error:
            failed[title] = str(error)
            continue
        same = sum(int((one == other).sum()) for one, other in zip(mine, theirs, strict=True))
        agreement[title] = same / sum(one.size for one in mine)
    facts: dict[str, Any] = {"agreement": agreement, "failed": failed, "not_asked": dict(evidence.unavailable)}
    with evidence.runner() as runner:
        here = f"{runner.name} ({runner.backend})"
    facts["against"] = here
    return _judged(evidence, here, agreement, failed, facts)


def _judged(
    evidence: ArtifactEvidence, here: str, agreement: dict[str, float], failed: dict[str, str], facts: dict[str, Any]
) -> Finding:
    name = evidence.artifact.name
    if not agreement and not failed:
        reasons = "; ".join(f"{title}: {reason}" for title, reason in evidence.unavailable.items())
        return Finding(
            CheckStatus.NOT_RUN, f"{here} has no other runtime to agree with ({reasons or 'none is known'})", facts
        )
    warns_below, fails_below = LIMITS[evidence.lossless]
    apart = {title: share for title, share in agreement.items() if share < warns_below}
    if apart:
        worst = min(apart, key=lambda title: apart[title])
        status = CheckStatus.FAIL if apart[worst] < fails_below else CheckStatus.WARN
        return Finding(
            status,
            f"{name} answers differently in {here} and {worst}: the same class at only {apart[worst]:.2%} of the "
            "pixels; "
            "one of them computes an operation wrongly, so do not ship it to both",
            facts,
        )
    if failed:
        title, reason = next(iter(failed.items()))
        return Finding(CheckStatus.WARN, f"{name} runs in {here} but not in {title}: {reason}", facts)
    least = min(agreement.values())
    return Finding(
        CheckStatus.PASS, f"{', '.join(agreement)} and {here} agree at {least:.2%} of the pixels or more", facts
    )


CHECK = ArtifactCheck("runtimes", "do the runtimes of its format agree?", look, formats=("tflite",))
