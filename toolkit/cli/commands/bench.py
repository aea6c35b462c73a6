"""`segport bench`: latency of the artifacts in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import options as o
from toolkit.cli.screen import Screen

EXAMPLES = (
    "Examples: [bold]segport bench runs/latest[/]  |  "
    "[bold]segport bench runs/latest --threads 1 --latency-samples 200 --runners litert:xnnpack[/]"
)


def bench(
    folder: Annotated[Path, typer.Argument(help="Output folder of `segport convert` or `segport run`.")] = Path(
        "runs/latest"
    ),
    runners: o.Runners = None,
    threads: o.Threads = None,
    latency_samples: o.LatencySamples = None,
    quiet: o.Quiet = False,
) -> int:
    """Time every artifact on disk on every runtime of this machine; accuracy already measured is kept."""
    given = {key: value for key, value in locals().items() if key not in ("folder", "quiet")}
    from toolkit.pipeline import bench as bench_pipeline
    from toolkit.pipeline import recorded_options

    screen = Screen(quiet)
    outcome = bench_pipeline(recorded_options(folder, given), screen.progress)
    screen.show_report(outcome)
    return outcome.status


COMMAND = bench
