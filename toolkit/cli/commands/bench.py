"""`segport bench`: latency of the artifacts in a run folder, here or (packed) on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.parameters import LATEST, Given, Quiet, RunFolder, taking
from toolkit.cli.screen import Screen
from toolkit.errors import ExitStatus, UsageError
from toolkit.options import swept
from toolkit.options.flag import Panel
from toolkit.stages.runtimes import every_runtime

EXAMPLES = (
    "Examples: [bold]segport bench runs/latest[/]  |  "
    "[bold]segport bench runs/latest --threads 1,2,4 --latency-samples 200 --runners litert:xnnpack[/]  |  "
    "[bold]segport bench runs/latest --per-op[/]  |  [bold]segport bench runs/latest --all[/]  |  "
    "[bold]segport bench runs/latest --bundle for-a-mac.zip[/]"
)


@taking("output_sizes", Panel.RUNTIMES, Panel.PROCESSES, without=("threads", "workers"))
def bench(
    given: Given,
    folder: RunFolder = LATEST,
    threads: Annotated[
        str | None,
        typer.Option(
            "--threads",
            "-t",
            help="Threads each runtime may use; several to compare: 1,2,4.",
            rich_help_panel=Panel.RUNTIMES,
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Every backend of every runtime, and a table of what is measured, emulated and missing.",
            rich_help_panel=Panel.RUNTIMES,
        ),
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", help="Measure nothing here: pack Core ML packages, pictures and a script into this zip."
        ),
    ] = None,
    bundle_pictures: Annotated[
        int | None, typer.Option("--bundle-pictures", help="Judging pictures to pack; default: all, at most 64.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Time every artifact on disk on every runtime of this machine; accuracy already measured is kept."""
    from toolkit.pipeline import bench as bench_pipeline
    from toolkit.run_folder.folder import recorded_options

    if everything and given["runners"] is not None:
        raise UsageError("--all takes every runtime and --runners names some; give one of them")
    if bundle is None and bundle_pictures is not None:
        raise UsageError("--bundle-pictures says what goes into a bundle; give --bundle FILE.zip as well")
    if everything:
        given["runners"] = ",".join(every_runtime())
    options = swept(recorded_options(folder, given), threads)
    screen = Screen(quiet)
    if bundle is not None:
        from toolkit.devices.bundle import write_bundle

        screen.show_bundle(write_bundle(options, bundle, bundle_pictures, screen.progress), folder)
        return ExitStatus.PASS
    outcome = bench_pipeline(options, screen.progress)
    (screen.show_coverage if everything else screen.show_report)(outcome)
    return outcome.status


COMMAND = bench
