"""Verdicts of a report completed with what quantizing gained against the float artifact of the same format."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.config import RunOptions
from toolkit.measuring import PlannedRun
from toolkit.progress import Progress

if TYPE_CHECKING:
    from validation.payoff import Weighed
    from validation.result import RunResult

FLOAT = "float32"


def with_kernels(
    planned: Sequence[PlannedRun], results: Sequence[RunResult], options: RunOptions, progress: Progress
) -> list[RunResult]:
    """`results` with the operations that no delegate took, for quantized artifacts that were timed here."""
    from validation.errors import RunnerError

    told = []
    for item, result in zip(planned, results, strict=True):
        runner = item.runner(options.threads)
        if result.latency_ms is None or not _quantized(runner.artifact.recipe):
            told.append(result)
            continue
        try:
            with runner:
                undelegated = runner.undelegated()
        except RunnerError as error:
            # What it says of its kernels explains a figure and decides none; the figure stands.
            progress.note(f"     {item.title} does not tell its kernels: {error}")
            undelegated = None
        told.append(dataclasses.replace(result, undelegated=undelegated))
    return told


def with_gains(document: dict[str, Any]) -> dict[str, Any]:
    """The document with verdicts that also ask for a gain; a function of its runs, so doing it twice changes nothing."""
    from toolkit.merge import gates_of
    from validation.payoff import payoff, with_payoff
    from validation.verdict import judge

    made = [artifact for artifact in document["artifacts"] if artifact["path"] is not None]
    plain = {artifact["format"]: artifact for artifact in made if artifact["recipe"] == FLOAT}
    artifacts = []
    for artifact in document["artifacts"]:
        judged = artifact in made and artifact["format"] in plain and _quantized(artifact["recipe"])
        if not judged or "limits" not in artifact:
            artifacts.append(artifact)
            continue
        mine = _weighed(artifact)
        reasons = payoff(mine, _weighed(plain[artifact["format"]]))
        verdict = with_payoff(judge(mine.runs, gates_of(artifact)), reasons)
        artifacts.append({**artifact, "verdict": verdict.to_json()})
    return {**document, "artifacts": artifacts}


def _weighed(artifact: Mapping[str, Any]) -> Weighed:
    from validation.payoff import Weighed
    from validation.result import RunResult

    runs = tuple(RunResult.from_json(run) for run in artifact["runs"])
    return Weighed(artifact["name"], artifact["size_bytes"], runs)


def _quantized(name: str) -> bool:
    """True for a known recipe that stores weights as integers or in palettes."""
    from quantization import recipes

    found = recipes().get(name)
    return found is not None and (found.weights.is_integer or found.palette is not None)
