"""`segport validate`: accuracy of the artifacts in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import options as o
from toolkit.cli.screen import Screen

EXAMPLES = (
    "Examples: [bold]segport validate runs/latest[/]  |  "
    "[bold]segport validate runs/latest --images 500 --runners litert:xnnpack,milrun --max-class-drop 0.005[/]  |  "
    "[bold]segport validate runs/latest --images 5000 --workers 8 --threads 1[/]"
)


def validate(
    folder: Annotated[Path, typer.Argument(help="Output folder of `segport convert` or `segport run`.")] = Path(
        "runs/latest"
    ),
    dataset: o.Dataset = None,
    split: o.Split = None,
    images: o.Images = None,
    judge_at: o.JudgeAt = None,
    output_sizes: o.OutputSizes = None,
    runners: o.Runners = None,
    threads: o.Threads = None,
    workers: o.Workers = None,
    max_miou_drop: o.MaxMiouDrop = None,
    max_class_drop: o.MaxClassDrop = None,
    gate_on: o.GateOn = None,
    examples: o.Examples = None,
    checks: o.Checks = None,
    photos: o.Photos = None,
    min_agreement: o.MinAgreement = None,
    isolate: o.Isolate = None,
    time_limit: o.TimeLimit = None,
    memory_limit: o.MemoryLimit = None,
    quiet: o.Quiet = False,
) -> int:
    """Compare every artifact on disk with the float reference, class by class, and judge it."""
    given = {key: value for key, value in locals().items() if key not in ("folder", "quiet")}
    from toolkit.pipeline import validate as validate_pipeline
    from toolkit.run_folder.folder import recorded_options

    screen = Screen(quiet)
    outcome = validate_pipeline(recorded_options(folder, {**given, "latency_samples": 0}), screen.progress)
    screen.show_report(outcome)
    return outcome.status


COMMAND = validate
