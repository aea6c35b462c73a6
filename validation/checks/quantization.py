"""Do the integers at an artifact's ends cover what goes in and comes out?

An input scale of another range clips the picture or wastes its levels; an output scale too small clips the logits
that decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from validation.checks.base.contract import ArtifactCheck, CheckStatus, Finding
from validation.checks.base.evidence import ArtifactEvidence, Edge
from validation.checks.base.picture_mistakes import right
from validation.errors import RunnerError

MOST_WASTE = 2.0
"""An input range this many times wider than the pixels' leaves fewer than half of the levels: worth a warning."""
MOST_CLIPPED = 0.05
"""Share of the float network's winning logits that may lie beyond the output's range."""


def look(evidence: ArtifactEvidence) -> Finding:
    """Fail on scales that are no scales, on a clipped picture or clipped logits, and on a file that is not its
    manifest."""
    name = evidence.artifact.name
    edges = {"input": evidence.input_edge, "output": evidence.output_edge}
    facts: dict[str, Any] = {title: _facts(edge) for title, edge in edges.items() if edge is not None}
    for title, edge in edges.items():
        if edge is not None and (problem := _unsound(edge)):
            return Finding(CheckStatus.FAIL, f"the {title} of {name} {problem}; convert it again", facts)
    if evidence.input_edge is not None and (found := _input(evidence, evidence.input_edge, facts)):
        return found
    if (
        evidence.output_edge is not None
        and evidence.answers_logits
        and (found := _output(evidence, evidence.output_edge, facts))
    ):
        return found
    if problem := _mismatch(evidence):
        return Finding(CheckStatus.FAIL, problem, facts)
    if not facts:
        return Finding(CheckStatus.PASS, f"{name} takes and gives floats; there is nothing to quantize at its ends")
    return Finding(CheckStatus.PASS, f"the integers at the ends of {name} cover pixels and logits", facts)


def _facts(edge: Edge) -> dict[str, Any]:
    low, high = edge.bounds
    return {
        "dtype": edge.dtype,
        "scale": edge.quantization.scale,
        "zero_point": edge.quantization.zero_point,
        "declared": edge.declared,
        "range": [low, high],
    }


def _mismatch(evidence: ArtifactEvidence) -> str:
    """Quote the runner on a file whose tensors are not those its manifest promises.

    The runner compares them on opening.
    """
    if evidence.input_edge is None and evidence.output_edge is None:
        return ""
    try:
        assert evidence.shown
    except RunnerError as error:
        return f"what is fed is not what {evidence.artifact.name} takes: {error}"
    return ""


def _unsound(edge: Edge) -> str:
    scale, zero = edge.quantization.scale, edge.quantization.zero_point
    info = np.iinfo(edge.dtype)
    if not np.isfinite(scale) or scale <= 0:
        return f"has scale {scale}, which is none"
    if not info.min <= zero <= info.max:
        return f"has zero point {zero}, which {edge.dtype} does not hold"
    return ""


def _input(evidence: ArtifactEvidence, edge: Edge, facts: dict[str, Any]) -> Finding | None:
    name, white = evidence.artifact.name, evidence.artifact.image.pixel_range.scale
    low, high = edge.bounds
    step = edge.quantization.scale
    if low > step or high < white - 1.5 * step - 0.02 * white:
        return Finding(
            CheckStatus.FAIL,
            f"the input of {name} holds {low:.4g} to {high:.4g} but pixels are 0 to {white:g}: the picture is clipped; "
            "calibrate with pictures in the network's pixel range",
            facts,
        )
    if high - low > MOST_WASTE * white + 2 * step:
        return Finding(
            CheckStatus.WARN,
            f"the input of {name} holds {low:.4g} to {high:.4g} but pixels are 0 to {white:g}: only "
            f"{white / step:.0f} levels are "
            "left for them; calibrate with pictures in the network's pixel range",
            facts,
        )
    return None


def _output(evidence: ArtifactEvidence, edge: Edge, facts: dict[str, Any]) -> Finding | None:
    """Check that the network's own winning logits fit; losing ones may be clipped, since they decide nothing."""
    count = len(evidence.expectations.pictures)
    winning = np.concatenate(
        [evidence.expectations.answer(n, "right", right).max(axis=2).reshape(-1) for n in range(count)]
    )
    low, high = edge.bounds
    step = edge.quantization.scale
    clipped = float(((winning < low - step) | (winning > high + step)).mean())
    facts["clipped_share"] = clipped
    if clipped <= MOST_CLIPPED:
        return None
    return Finding(
        CheckStatus.FAIL,
        f"the output of {evidence.artifact.name} holds {low:.4g} to {high:.4g}, which clips {clipped:.1%} of the "
        "network's winning "
        f"logits ({winning.min():.4g} to {winning.max():.4g}); calibrate with pictures like these",
        facts,
    )


CHECK = ArtifactCheck("quantization", "do the integers at its ends cover pixels and logits?", look, formats=("tflite",))
