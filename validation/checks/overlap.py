"""Were pictures that judge also used to fix integer ranges? A model examined on its own exercises looks better than
it is."""

from __future__ import annotations

from validation.checks.base.contract import CheckStatus, Finding, RunCheck
from validation.checks.base.evidence import RunEvidence
from validation.runners.base.resizing import fit_picture, picture_digest

_NAMED = 3
"""Shared pictures that the sentence names."""


def look(evidence: RunEvidence) -> Finding:
    """Compare pictures by content at the network's input size, whatever their names and files."""
    if not evidence.calibrated:
        return Finding(CheckStatus.PASS, "no artifact was made with calibration pictures, so none can judge")
    if evidence.calibration is None:
        return Finding(
            CheckStatus.NOT_RUN,
            "the digests of the calibration pictures were not recorded when these artifacts were made; `segport "
            "convert --again RUN` records them",
        )
    used = {digest: name for name, digest in evidence.calibration.items()}
    shared = []
    for index in range(len(evidence.dataset)):
        sample = evidence.dataset[index]
        digest = picture_digest(fit_picture(sample.image, *evidence.input_size))
        if digest in used:
            shared.append((sample.id, used[digest]))
    facts = {
        "judging": len(evidence.dataset),
        "calibration": len(evidence.calibration),
        "shared": [{"judging": mine, "calibration": theirs} for mine, theirs in shared],
    }
    if not shared:
        return Finding(CheckStatus.PASS, "no picture both calibrated and judges", facts)
    named = ", ".join(f"{mine} (calibration: {theirs})" for mine, theirs in shared[:_NAMED])
    more = f" and {len(shared) - _NAMED} more" if len(shared) > _NAMED else ""
    return Finding(
        CheckStatus.FAIL,
        f"{len(shared)} of {len(evidence.dataset)} pictures that judge also calibrated "
        f"{', '.join(evidence.calibrated)}: "
        f"{named}{more}; judge on other pictures",
        facts,
    )


CHECK = RunCheck("overlap", "do pictures judge that fixed integer ranges?", look)
