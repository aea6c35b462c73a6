"""Give every artifact of a finished report its verdict, from all that the report holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantization.recipes import is_quantized

if TYPE_CHECKING:
    from validation.verdict.gates import Gates
    from validation.verdict.payoff import Weighed

FLOAT = "float32"
"""The recipe that quantized artifacts of the same format must gain against."""


def judged(document: dict[str, Any]) -> dict[str, Any]:
    """Judge every artifact that was made by its runs, its limits, its gain against the float artifact, and its checks.

    A function of those alone: doing it twice changes nothing. What could not be made, or was recorded without limits (by
    an early version), keeps the verdict it has.
    """
    from toolkit.document.shape import CheckEntry
    from validation.verdict.judge import judge
    from validation.verdict.payoff import payoff

    plain = {item["format"]: item for item in document["artifacts"] if item["path"] and item["recipe"] == FLOAT}
    failed = [CheckEntry(**check) for check in document.get("checks", ()) if check["status"] == "fail"]
    artifacts = []
    for artifact in document["artifacts"]:
        if artifact["path"] is None or "limits" not in artifact:
            artifacts.append(artifact)
            continue
        mine, other = _weighed(artifact), plain.get(artifact["format"])
        gains = payoff(mine, _weighed(other)) if other is not None and is_quantized(artifact["recipe"]) else ()
        checks = [check for check in failed if check.artifact == artifact["name"]]
        verdict = judge(mine.runs, gates_of(artifact), gains, checks)
        artifacts.append({**artifact, "verdict": verdict.to_json()})
    return {**document, "artifacts": artifacts}


def not_made(reason: str) -> dict[str, Any]:
    """The verdict on an artifact that could not be made."""
    return {"status": "fail", "reasons": [reason]}


def gates_of(artifact: Mapping[str, Any]) -> Gates:
    """The limits that a report's artifact is judged by."""
    from validation.verdict.gates import Gates

    limits = artifact["limits"]
    return Gates(
        limits["miou_drop"],
        limits["class_drop"],
        on_bound=limits.get("on_bound", False),
        agreement=limits.get("agreement"),
    )


def _weighed(artifact: Mapping[str, Any]) -> Weighed:
    from toolkit.document.shape import Run
    from validation.verdict.payoff import Weighed

    runs = tuple(Run.model_validate(run) for run in artifact["runs"])
    return Weighed(artifact["name"], artifact["size_bytes"], runs)
