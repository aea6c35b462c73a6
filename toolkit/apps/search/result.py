"""Hold what a search found, and its JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quantization.policy import Policy
from toolkit.apps.search.options import Objective
from toolkit.apps.search.sensitivity import LayerSensitivity
from toolkit.apps.search.strategy import AllowedLoss, Candidate
from toolkit.document.outcome import Outcome
from toolkit.run_folder.folder import RunFolder


@dataclass(frozen=True)
class SearchResult:
    """Hold what a search ends with.

    Attributes:
        folder: holds policy.toml, search.json, sensitivity.json and the pictures; the run that proves the policy is in
            `run`.
        sensitivity: every layer, most harmful first.
        tried: every candidate, in order.
        best: the cheapest within the limits.
        policy: what was found, as written to policy.toml.
        limits, objective: what was asked for.
        chosen_on: split of the pictures that chose.
        run: the report of artifacts made with the policy, judged on the pictures of `--split`.
    """

    folder: RunFolder
    sensitivity: tuple[LayerSensitivity, ...]
    tried: tuple[Candidate, ...]
    best: Candidate
    policy: Policy
    limits: AllowedLoss
    objective: Objective
    chosen_on: str
    run: Outcome


def to_json(result: SearchResult) -> dict[str, Any]:
    """Give the content of search.json."""
    return {
        "schema": 1,
        "limits": {"miou_drop": result.limits.miou_drop, "class_drop": result.limits.class_drop},
        "objective": result.objective,
        "chosen_on": result.chosen_on,
        "best": result.best.to_json(),
        "tried": [candidate.to_json() for candidate in result.tried],
        "sensitivity": [layer.to_json() for layer in result.sensitivity],
    }
