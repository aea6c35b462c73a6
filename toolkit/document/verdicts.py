"""Verdicts of a report completed with what quantizing gained against the float artifact of the same format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantization.recipes import is_quantized

if TYPE_CHECKING:
    from validation.verdict.gates import Gates
    from validation.verdict.payoff import Weighed

FLOAT = "float32"


def with_gains(document: dict[str, Any]) -> dict[str, Any]:
    """The document with verdicts that also ask for a gain; a function of its runs, so doing it twice changes nothing."""
    pass
    from validation.verdict.judge import judge, with_payoff
    from validation.verdict.payoff import payoff

    made = [artifact for artifact in document["artifacts"] if artifact["path"] is not None]
    plain = {artifact["format"]: artifact for artifact in made if artifact["recipe"] == FLOAT}
    artifacts = []
    for artifact in document["artifacts"]:
        judged = artifact in made and artifact["format"] in plain and is_quantized(artifact["recipe"])
        if not judged or "limits" not in artifact:
            artifacts.append(artifact)
            continue
        mine = _weighed(artifact)
        reasons = payoff(mine, _weighed(plain[artifact["format"]]))
        verdict = with_payoff(judge(mine.runs, gates_of(artifact)), reasons)
        artifacts.append({**artifact, "verdict": verdict.to_json()})
    return {**document, "artifacts": artifacts}


def _weighed(artifact: Mapping[str, Any]) -> Weighed:
    from validation.results.run import RunResult
    from validation.verdict.payoff import Weighed

    runs = tuple(RunResult.from_json(run) for run in artifact["runs"])
    return Weighed(artifact["name"], artifact["size_bytes"], runs)


ABOUT = "check "
"""What a verdict's reasons from checks are about begins with this."""


def folded(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with failed checks as reasons of their artifacts' verdicts; doing it twice changes nothing."""
    failed: dict[str, list[Mapping[str, Any]]] = {}
    for check in document.get("checks", ()):
        if check["status"] == "fail" and check["artifact"] is not None:
            failed.setdefault(check["artifact"], []).append(check)
    artifacts = [
        {**artifact, "verdict": _with_checks(artifact["verdict"], failed.get(artifact["name"], []))}
        for artifact in document["artifacts"]
    ]
    return {**document, "artifacts": artifacts}


def _with_checks(verdict: Mapping[str, Any], failed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A verdict without the reasons that earlier checks gave, and with those of `failed` first."""
    details = verdict.get("details") or [
        {"about": f"reason {number}", "outcome": verdict["status"]} for number in range(1, len(verdict["reasons"]) + 1)
    ]
    own = [pair for pair in zip(verdict["reasons"], details, strict=True) if not pair[1]["about"].startswith(ABOUT)]
    outcomes = [detail["outcome"] for _, detail in own]
    before = len(own) == len(details)
    status = verdict["status"] if before else next((one for one in ("fail", "pass") if one in outcomes), "not_run")
    if before and not failed:
        return dict(verdict)
    given = [
        (f"check {item['name']}: {item['message']}", {"about": ABOUT + item["name"], "outcome": "fail"})
        for item in failed
    ]
    pairs = [*given, *own]
    return {
        "status": "fail" if failed else status,
        "reasons": [sentence for sentence, _ in pairs],
        "details": [detail for _, detail in pairs],
    }


def gates_of(artifact: Mapping[str, Any]) -> Gates:
    """The limits that a report's artifact was judged by."""
    from validation.verdict.gates import Gates

    limits = artifact["limits"]
    return Gates(
        limits["miou_drop"],
        limits["class_drop"],
        on_bound=limits.get("on_bound", False),
        agreement=limits.get("agreement"),
    )
