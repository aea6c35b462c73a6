"""Are the answers the network's own? For floats they must be.

Integers may lose some, which the accuracy gates judge.
"""

from __future__ import annotations

from validation.checks.base.contract import ArtifactCheck, CheckStatus, Finding
from validation.checks.base.evidence import ArtifactEvidence
from validation.checks.base.picture_mistakes import FAR, decibels, error, right

UNRELATED = 0.5
"""Error over signal from which even an integer artifact's answers have little to do with the network's."""


def look(evidence: ArtifactEvidence) -> Finding:
    """Fail if a float artifact answers something else than the network; warn if an integer one hardly follows it."""
    answers = evidence.shown.answers
    own = error(answers, [evidence.expectations.answer(number, "right", right) for number in range(len(answers))])
    far, name = decibels(own), evidence.artifact.name
    facts = {"sqnr_db": far, "pictures": len(answers)}
    if evidence.lossless and own > FAR:
        return Finding(
            CheckStatus.FAIL,
            f"{name} computes in floats but its answers are only {far} dB from the network's (20 are asked for); "
            "unless another "
            "check names the mistake, compare operation by operation (segport inspect --compare) or convert again",
            facts,
        )
    if own > UNRELATED:
        return Finding(
            CheckStatus.WARN,
            f"{name} answers little like the network ({far} dB); its recipe loses too much, or its calibration "
            "pictures are not "
            "like these",
            facts,
        )
    return Finding(
        CheckStatus.PASS, f"{name} answers as the network does" + (f" ({far} dB)" if far is not None else ""), facts
    )


CHECK = ArtifactCheck("parity", "are its answers the network's own?", look)
