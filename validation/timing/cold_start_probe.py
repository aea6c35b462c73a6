"""The fresh process behind `peak_memory` and `cold_start`: opens one artifact and runs it once. A script.

Prints {"bytes": most held, "anonymous": held without files while open or null, "load_ns": opening, "first_run_ns": the
first inference}.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from converters import Artifact
from validation.errors import RunnerError
from validation.runners import runners


def main() -> int:
    """Read the request from standard input, measure, answer on standard output."""
    asked = json.load(sys.stdin)
    artifact = Artifact.from_json(asked["artifact"], Path(asked["folder"]))
    runner_type = runners()[asked["runner"]]
    image = np.zeros((artifact.image.height, artifact.image.width, artifact.image.channels), dtype=np.uint8)
    runner_type.preload()
    before, anonymous_before = _reset_peak(), _anonymous()
    try:
        start = time.perf_counter_ns()
        with runner_type(artifact, asked["backend"], asked["threads"]) as runner:
            load = time.perf_counter_ns() - start
            loaded = runner.load_ns()
            first_run = runner.timed_call(image)()
            runner.predict(image)
            elsewhere = runner.held_elsewhere()
            anonymous = _anonymous()
    except RunnerError as error:
        print(error, file=sys.stderr)
        return 1
    held = max(0, _peak() - before) if elsewhere is None else elsewhere
    grown = None
    if elsewhere is None and anonymous is not None and anonymous_before is not None:
        grown = max(0, anonymous - anonymous_before)
    answer = {"bytes": held, "anonymous": grown}
    print(json.dumps({**answer, "load_ns": load if loaded is None else loaded, "first_run_ns": first_run}))
    return 0


def _reset_peak() -> int:
    """Forget the peak of the imports; returns what is held now."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    return _peak()


def _peak() -> int:
    """Most bytes held since the last reset (on macOS, which has none, since the process began)."""
    if sys.platform == "linux":
        return _status("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _anonymous() -> int | None:
    """Bytes held now that no file backs, so that the system cannot drop them; None where it does not tell."""
    return _status("RssAnon") if sys.platform == "linux" else None


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    sys.exit(main())
