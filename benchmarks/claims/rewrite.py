"""What the exact rewrite of FP-LIIF's first pixel layer wins: parity, work, memory, time and ARM64 instructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.claims.accuracy import int8_artifact
from benchmarks.claims.counts import held_out
from benchmarks.claims.latency import sampled_in_turns
from benchmarks.claims.models import FIRST, SIDE, Model, graph_multiply_adds, joined_model, open_model

if TYPE_CHECKING:
    from converters import Artifact

SHOWN = 6
"""Operations of each profile that the page names."""


def measure_rewrite(images: int, seconds: float, work: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """The part of the page on the rewrite; times need a machine that does nothing else, the rest does not."""
    models = {"joined": joined_model(), "rewritten": open_model(FIRST)}
    tell(f"parity on {images} pictures")
    parity = _parity(models, images)
    artifacts = {}
    for name, model in models.items():
        tell(f"{name}: convert")
        artifacts[name] = int8_artifact(model, work)
    rows = {name: _static(models[name], artifact) for name, artifact in artifacts.items()}
    picture = held_out(1, SIDE)[0].image
    latency = sampled_in_turns(artifacts, 1, seconds, picture, tell)
    for name, artifact in artifacts.items():
        tell(f"{name}: profile, and ARM64 instructions")
        rows[name] |= {"latency": latency[name], "instructions": _instructions(artifact, picture), **_profile(artifact)}
    return {"images": images, "parity": parity, "rows": rows}


def _parity(models: Mapping[str, Model], images: int) -> dict[str, Any]:
    """Largest difference of the float logits, their largest value, and the share of pixels with the same class."""
    from toolkit.measuring import reference_runner
    from validation.values import label_map

    worst, largest, same, pixels = 0.0, 0.0, 0, 0
    options = _options()
    with (
        reference_runner(models["joined"].source, options) as joined,
        reference_runner(models["rewritten"].source, options) as rewritten,
    ):
        for sample in held_out(images, SIDE):
            first, second = (runner.predict(sample.image) for runner in (joined, rewritten))
            worst = max(worst, float(np.abs(first - second).max()))
            largest = max(largest, float(np.abs(first).max()))
            agreed = label_map(first) == label_map(second)
            same, pixels = same + int(agreed.sum()), pixels + agreed.size
    return {"largest_difference": worst, "largest_logit": largest, "same_class": same / pixels, "pixels": pixels}


def _static(model: Model, artifact: Artifact) -> dict[str, Any]:
    """What is known without running it."""
    from converters.formats.tflite.arena import plan_arena

    assert model.source.module is not None
    plan = plan_arena(artifact.path)
    return {
        "sha256": artifact.sha256,
        "bytes": artifact.size_bytes,
        "multiply_adds": graph_multiply_adds(model.source.module),
        "activation_bytes": plan.arena_bytes,
    }


def _profile(artifact: Artifact) -> dict[str, Any]:
    from validation.profiled_graph import profile_file

    profile = profile_file(artifact.path)
    return {
        "profile": {
            "status": profile.status,
            "reason": profile.reason,
            "operations": [
                {"name": item.name, "kind": item.kind, "share": item.share} for item in profile.operations[:SHOWN]
            ],
        }
    }


def _instructions(artifact: Artifact, picture: Any) -> dict[str, Any]:
    """Executed by one inference on a cortex-a76; a reason where the machine for it has not been made."""
    from validation.runners.arm64 import Arm64Runner

    cpu = "cortex-a76"
    available = Arm64Runner.availability(cpu)
    if not available.ok:
        return {"status": "not_run", "reason": available.reason}
    with Arm64Runner(artifact, cpu) as runner:
        return {"status": "counted", "reason": "", **runner.count_instructions(picture).to_json()}


def _options() -> Any:
    from toolkit.config import RunOptions

    return RunOptions(threads=1)
