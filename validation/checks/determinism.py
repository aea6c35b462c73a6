"""Does the same picture get the same answer, bit for bit, also after other pictures?"""

from __future__ import annotations

import numpy as np

from validation.checks.base.contract import ArtifactCheck, CheckStatus, Finding
from validation.checks.base.evidence import ArtifactEvidence


def look(evidence: ArtifactEvidence) -> Finding:
    """Fail if the first picture's answer is another one when it is shown again after the others."""
    first, again = evidence.shown.answers[0], evidence.shown.again
    between = len(evidence.shown.answers) - 1
    name = evidence.artifact.name
    if first.shape == again.shape and np.array_equal(first, again):
        return Finding(
            CheckStatus.PASS, f"{name} answers the same picture with the same bits", {"pictures_between": between}
        )
    differing = int((first != again).sum())
    facts = {
        "pictures_between": between,
        "values": int(first.size),
        "differing": differing,
        "largest_difference": float(np.abs(first.astype(np.float64) - again.astype(np.float64)).max()),
    }
    return Finding(
        CheckStatus.FAIL,
        f"{name} is not deterministic: shown the same picture twice, {differing:,} of {first.size:,} values differ; "
        "look for state, random operations or races in the model or the runtime",
        facts,
    )


CHECK = ArtifactCheck("determinism", "does the same picture get the same answer?", look)
