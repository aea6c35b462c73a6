"""Opening an artifact and running it once in a fresh process: peak memory, and the time of a cold start.

What counts is what the process holds beyond what it held after importing the runtime: weights, arena, packed copies
and the picture. Two figures: the high-water mark, in which memory-mapped files count as far as they were touched, and
the anonymous memory held after an inference, which no file backs and the system cannot drop: what an app is charged
with when memory gets short. A cold start is opening and the first inference; the file itself is in the system's cache
by then, as it is for an app that was installed and started before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from validation.errors import RunnerError
from validation.runners.base.contract import Runner
from validation.runners.base.native_output import tail

_SECONDS = 300


@dataclass(frozen=True)
class MemoryResult:
    """Peak memory in bytes, or None with the reason, and the anonymous part where the system tells it."""

    bytes: int | None
    reason: str = ""
    anonymous: int | None = None


@dataclass(frozen=True)
class FreshStart:
    """One artifact opened and run once in a process of its own.

    Attributes:
        bytes: held at the most beyond what the imported runtime held.
        load_ms, first_run_ms: opening, and the first inference after it.
        anonymous: held after an inference without what files back; None where the system, or a runtime in another
            process, does not tell.
    """

    bytes: int
    load_ms: float
    first_run_ms: float
    anonymous: int | None = None


def peak_memory(runner: Runner) -> MemoryResult:
    """Measure for the artifact, backend and threads `runner` is bound to; `runner` itself is not opened.

    Raises:
        RunnerError: the artifact failed in the fresh process; the message carries its last lines.
    """
    reason = no_fresh_start(runner)
    if reason:
        return MemoryResult(None, reason)
    found = fresh_start(runner)
    return MemoryResult(found.bytes, anonymous=found.anonymous)


def no_fresh_start(runner: Runner) -> str:
    """Why what `runner` is bound to cannot be measured in a fresh process; empty if it can."""
    reason = runner.memory_reason(runner.backend)
    if not reason and runner.benchmarks_itself:
        reason = f"{runner.name}'s own benchmark tells it together with the time"
    if not reason and sys.platform not in ("linux", "darwin"):
        reason = f"peak memory is not measured on {sys.platform}"
    return reason


def fresh_start(runner: Runner) -> FreshStart:
    """Open and run once, elsewhere, what `runner` is bound to; only where `no_fresh_start` gives no reason.

    Raises:
        RunnerError: the artifact failed in the fresh process; the message carries its last lines.
    """
    artifact = runner.artifact
    asked = {
        "runner": runner.name,
        "backend": runner.backend,
        "threads": runner.threads,
        "artifact": artifact.to_json(artifact.path.parent),
        "folder": str(artifact.path.parent.resolve()),
    }
    root = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "validation.timing.cold_start_probe"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
            env={**os.environ, "PYTHONPATH": search},
        )
    except subprocess.TimeoutExpired as error:
        raise RunnerError(f"a fresh start of {artifact.name} took over {_SECONDS} s") from error
    if done.returncode:
        raise RunnerError(f"a fresh start of {artifact.name} with {runner.name} failed: {tail(done.stderr, 1)}")
    found = json.loads(done.stdout.splitlines()[-1])
    return FreshStart(int(found["bytes"]), found["load_ns"] / 1e6, found["first_run_ns"] / 1e6, found["anonymous"])
