"""Peak memory of opening an artifact and running it once, measured in a fresh process.

What counts is what the process holds beyond what it held after importing the runtime: weights, arena, packed copies
and the picture. Memory-mapped files count as far as they were touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from validation.errors import RunnerError
from validation.native_output import tail
from validation.runner import Runner

_SECONDS = 300


@dataclass(frozen=True)
class MemoryResult:
    """Peak memory in bytes, or None with the reason."""

    bytes: int | None
    reason: str = ""


def peak_memory(runner: Runner) -> MemoryResult:
    """Measure for the artifact, backend and threads `runner` is bound to; `runner` itself is not opened.

    Raises:
        RunnerError: the artifact failed in the fresh process; the message carries its last lines.
    """
    reason = runner.memory_reason(runner.backend)
    if not reason and sys.platform not in ("linux", "darwin"):
        reason = f"peak memory is not measured on {sys.platform}"
    if reason:
        return MemoryResult(None, reason)
    artifact = runner.artifact
    asked = {
        "runner": runner.name,
        "backend": runner.backend,
        "threads": runner.threads,
        "artifact": artifact.to_json(artifact.path.parent),
        "folder": str(artifact.path.parent.resolve()),
    }
    root = str(Path(__file__).resolve().parent.parent)
    search = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "validation.memory_probe"],
            input=json.dumps(asked), capture_output=True, text=True, errors="replace", check=False,
            timeout=_SECONDS, env={**os.environ, "PYTHONPATH": search},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RunnerError(f"measuring the memory of {artifact.name} took over {_SECONDS} s") from error
    if done.returncode:
        raise RunnerError(f"measuring the memory of {artifact.name} with {runner.name} failed: {tail(done.stderr, 1)}")
    return MemoryResult(int(json.loads(done.stdout.splitlines()[-1])["bytes"]))
