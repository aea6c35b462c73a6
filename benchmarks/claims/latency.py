"""LiteRT's time for the int8_static files, all in one run and sampled in turns, so that drift hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.accuracy import int8_artifact
from benchmarks.claims.counts import held_out
from benchmarks.claims.models import SIDE, open_model, trained

if TYPE_CHECKING:
    from converters import Artifact


def measure_latency(threads: int, seconds: float, work: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the part of the page on time; needs a machine that does nothing else."""
    from toolkit.run_folder.environment import describe_environment

    artifacts = {}
    for name in trained():
        tell(f"{name}: convert")
        artifacts[name] = int8_artifact(open_model(name), work)
    results = sampled_in_turns(artifacts, threads, seconds, held_out(1, SIDE)[0].image, tell)
    for name, artifact in artifacts.items():
        results[name]["artifact_sha256"] = artifact.sha256
    measured = datetime.now(UTC).isoformat(timespec="seconds")
    return {"threads": threads, "measured": measured, "environment": describe_environment(), "rows": results}


def sampled_in_turns(
    artifacts: Mapping[str, Artifact],
    threads: int,
    seconds: float,
    picture: NDArray[np.uint8],
    tell: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Sample LiteRT's time for each artifact, one inference of each after another, at most `seconds` of each."""
    from validation.runners.base.latency_settings import LatencySettings
    from validation.runners.litert.runner import LiteRtRunner
    from validation.timing.stopwatch import Stopwatch

    settings = LatencySettings(samples=2000, max_seconds=seconds)
    with ExitStack() as stack:
        watches = {
            name: stack.enter_context(Stopwatch(LiteRtRunner(artifact, "xnnpack", threads), picture, settings))
            for name, artifact in artifacts.items()
        }
        for name, watch in watches.items():
            tell(f"{name}: warm up")
            watch.warm_up()
        tell("all: sample in turns")
        while any(watch.wants_more() for watch in watches.values()):
            for watch in watches.values():
                if watch.wants_more():
                    watch.sample()
        return {name: watch.result().to_json() for name, watch in watches.items()}
