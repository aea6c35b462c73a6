"""Does the artifact see the picture that the network sees?

The artifact is fed over the picture path (as in every run), the float network over the tensor path. Where their answers
differ, the network is asked what it would answer had the picture been prepared wrongly in one of the usual ways.
"""

from __future__ import annotations

from functools import partial

from validation.checks.base.contract import ArtifactCheck, CheckStatus, Finding
from validation.checks.base.evidence import ArtifactEvidence
from validation.checks.base.picture_mistakes import INPUT_MISTAKES, Mistake, Prepare, error, explain, right


def look(evidence: ArtifactEvidence) -> Finding:
    """Fail if a mistake explains the answers; how far they are otherwise is for the check of parity."""
    own = _error(evidence, "right", right)
    known = {item.name: item for item in INPUT_MISTAKES if _makes_sense(item, evidence)}
    asks = {name: partial(_error, evidence, name, item.prepare) for name, item in known.items()}
    found = explain(own, asks, logits=evidence.answers_logits)
    facts = {**found.facts(), "pictures": len(evidence.expectations.pictures), "resized": _resized(evidence)}
    name = evidence.artifact.name
    if found.found and found.mistake is not None:
        words = known[found.mistake].words
        return Finding(
            CheckStatus.FAIL, f"{name} answers as if {words}; prepare pictures once, as the network expects them", facts
        )
    return Finding(
        CheckStatus.PASS, f"no usual mistake of preprocessing explains the answers of {name} better than none", facts
    )


def _error(evidence: ArtifactEvidence, name: str, prepare: Prepare) -> float:
    answers = evidence.shown.answers
    return error(answers, [evidence.expectations.answer(number, name, prepare) for number in range(len(answers))])


def _resized(evidence: ArtifactEvidence) -> bool:
    size = evidence.expectations.input_size
    return any(picture.shape[:2] != size for picture in evidence.expectations.pictures)


def _makes_sense(mistake: Mistake, evidence: ArtifactEvidence) -> bool:
    height, width = evidence.expectations.input_size
    if mistake.colours_only and any(picture.shape[2] != 3 for picture in evidence.expectations.pictures):
        return False
    if mistake.name.startswith("resized"):
        return _resized(evidence)
    return height == width or not mistake.square_only


CHECK = ArtifactCheck("preprocessing", "does it see the picture that the network sees?", look)
