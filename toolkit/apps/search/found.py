"""Hold what a search found, and its JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from toolkit.apps.search.sensitivity import LayerSensitivity
from toolkit.apps.search.strategy import Candidate, Limits
from toolkit.run_folder.folder import RunFolder

if TYPE_CHECKING:
    from quantization.policy import Policy
    from toolkit.document.outcome import Outcome


Objective = Literal["size", "latency"]


@dataclass(frozen=True)
class Found:
    """What a search ends with.

    Attributes:
        folder: holds policy.toml, search.json, sensitivity.json and the pictures; the run that proves the policy is in `run`.
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
    limits: Limits
    objective: Objective
    chosen_on: str
    run: Outcome


def to_json(found: Found) -> dict[str, Any]:
    """search.json."""
    return {
        "schema": 1,
        "limits": {"miou_drop": found.limits.miou_drop, "class_drop": found.limits.class_drop},
        "objective": found.objective,
        "chosen_on": found.chosen_on,
        "best": found.best.to_json(),
        "tried": [candidate.to_json() for candidate in found.tried],
        "sensitivity": [layer.to_json() for layer in found.sensitivity],
    }
