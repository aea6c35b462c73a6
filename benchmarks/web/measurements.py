"""The shipped FP-LIIF in LiteRT.js: the answers against LiteRT's, and the time of an inference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.errors import UsageError

if TYPE_CHECKING:
    from converters import Artifact
    from validation.runners.base.contract import Runner

Tell = Callable[[str], None]
RECIPES = ("float32", "int8_static")
SIDE = 256
THREADS = 2
BACKENDS = (("node", 1), ("chromium", 1), ("chromium-threads", THREADS))
"""Of LiteRT.js, with the threads asked for."""


def artifacts(work: Path, tell: Tell) -> list[Artifact]:
    """Convert FP-LIIF to .tflite in float32 and int8 with float pictures and logits.


    Made in the run folder `work`, or reused.
    """
    from toolkit.options import RunOptions
    from toolkit.pipeline import convert

    tell("convert")
    made = convert(RunOptions(formats=("tflite",), recipes=RECIPES, out=work))
    for outcome in made.outcomes:
        if outcome.error is not None:
            raise outcome.error
    return list(made.artifacts)


def equality(files: list[Artifact], images: int, tell: Tell) -> dict[str, Any]:
    """Compare raw answers and class maps of `images` held-out drawn faces in every backend with LiteRT's XNNPACK
    here."""
    from validation.runners.arm64.agreement import Agreement
    from validation.runners.base.values import label_map
    from validation.runners.litert.runner import LiteRtRunner

    pictures = _faces(images)
    rows = []
    for artifact in files:
        with LiteRtRunner(artifact) as litert:
            expected = [litert.predict(picture) for picture in pictures]
        for backend, threads in BACKENDS:
            tell(f"{artifact.name}: {backend}")
            agreement, same, pixels = Agreement(), 0, 0
            with _web(artifact, backend, threads) as runner:
                for picture, theirs in zip(pictures, expected, strict=True):
                    mine = runner.predict(picture)
                    agreement.add(mine, theirs)
                    same += int((label_map(mine) == label_map(theirs)).sum())
                    pixels += label_map(theirs).size
            rows.append(
                {
                    "artifact": artifact.name,
                    "sha256": artifact.sha256,
                    "backend": backend,
                    "threads": threads,
                    **agreement.to_json(),
                    "largest_logit": max(float(np.abs(item).max()) for item in expected),
                    "same_class": same,
                    "pixels": pixels,
                }
            )
    return {"images": images, **_where(), "rows": rows}


def latency(files: list[Artifact], seconds: float, tell: Tell) -> dict[str, Any]:
    """Percentiles of an inference.

    All runtimes of one file open together and sampled in turns, so that drift hits all alike.
    """
    from validation.runners.base.latency_settings import LatencySettings
    from validation.runners.litert.runner import LiteRtRunner
    from validation.timing.turns import Entrant, time_in_turns

    settings = LatencySettings(samples=2000, max_seconds=seconds)
    (picture,) = _faces(1)
    rows = []
    for artifact in files:
        runners: list[tuple[str, Runner]] = [
            ("litert", LiteRtRunner(artifact, "xnnpack", 1)),
            ("litert", LiteRtRunner(artifact, "xnnpack", THREADS)),
            *((backend, _web(artifact, backend, threads)) for backend, threads in BACKENDS),
        ]
        tell(f"{artifact.name}: sample in turns")
        (timed,) = time_in_turns([[Entrant(runner, picture) for _, runner in runners]], settings)
        for (name, runner), item in zip(runners, timed, strict=True):
            if item.latency is None:
                raise UsageError(f"{artifact.name} could not be timed ({name}): {item.reason}")
            row = {"artifact": artifact.name, "sha256": artifact.sha256, "backend": name, "threads": runner.threads}
            rows.append({**row, **item.latency.to_json()})
    return {**_where(), "rows": rows}


def _web(artifact: Artifact, backend: str, threads: int) -> Runner:
    from validation.runners.web.runner import WebRunner

    state = WebRunner.availability(backend)
    if not state.ok:
        raise UsageError(f"web ({backend}) cannot run here: {state.reason}")
    return WebRunner(artifact, backend, threads)


def _faces(count: int) -> list[Any]:
    from segdata.faces.synthetic import SyntheticFaces

    faces = SyntheticFaces("test", size=SIDE)
    return [faces[index].image for index in range(count)]


def _where() -> dict[str, Any]:
    import json
    import subprocess

    from toolkit.run_folder.environment import describe_environment
    from validation.runners.web import packages

    browser = packages.chromium()
    version = (
        ""
        if browser is None
        else subprocess.run(
            [str(browser), "--version"], capture_output=True, text=True, timeout=60, check=False
        ).stdout.strip()
    )
    locked = json.loads(packages.LOCK.read_text(encoding="utf-8"))["packages"]
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": describe_environment(),
        "litert_js": locked["node_modules/@litertjs/core"]["version"],
        "chromium": " ".join(version.split()[:2]),
    }
