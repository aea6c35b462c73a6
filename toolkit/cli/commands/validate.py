"""`segport validate`: accuracy of the artifacts in a run folder."""

from __future__ import annotations

from toolkit.cli.parameters import LATEST, Given, Quiet, RunFolder, taking
from toolkit.cli.screen import Screen
from toolkit.options.flag import Panel

EXAMPLES = (
    "Examples: [bold]segport validate runs/latest[/]  |  "
    "[bold]segport validate runs/latest --images 500 --runners litert:xnnpack,milrun --max-class-drop 0.005[/]  |  "
    "[bold]segport validate runs/latest --images 5000 --workers 8 --threads 1[/]"
)


@taking(
    Panel.PICTURES,
    "output_sizes",
    Panel.RUNTIMES,
    Panel.GATES,
    Panel.PROCESSES,
    "examples",
    without=("per_op", "latency_samples"),
)
def validate(given: Given, folder: RunFolder = LATEST, quiet: Quiet = False) -> int:
    """Compare every artifact on disk with the float reference, class by class, and judge it."""
    from toolkit.pipeline import validate as validate_pipeline
    from toolkit.run_folder.folder import recorded_options

    screen = Screen(quiet)
    outcome = validate_pipeline(recorded_options(folder, {**given, "latency_samples": 0}), screen.progress)
    screen.show_report(outcome)
    return outcome.status


COMMAND = validate
