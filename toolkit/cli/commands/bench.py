"""`segport bench`: latency of the artifacts in a run folder, here or (packed) on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import options as o
from toolkit.cli.screen import Screen

EXAMPLES = (
    "Examples: [bold]segport bench runs/latest[/]  |  "
    "[bold]segport bench runs/latest --threads 1,2,4 --latency-samples 200 --runners litert:xnnpack[/]  |  "
    "[bold]segport bench runs/latest --per-op[/]  |  [bold]segport bench runs/latest --all[/]  |  "
    "[bold]segport bench runs/latest --bundle for-a-mac.zip[/]"
)


def bench(
    folder: Annotated[Path, typer.Argument(help="Output folder of `segport convert` or `segport run`.")] = Path(
        "runs/latest"
    ),
    output_sizes: o.OutputSizes = None,
    runners: o.Runners = None,
    threads: Annotated[
        str | None, typer.Option("--threads", "-t", help="Threads each runtime may use; several to compare: 1,2,4.")
    ] = None,
    latency_samples: o.LatencySamples = None,
    per_op: Annotated[
        bool, typer.Option("--per-op", help="Also the times of single operations, where the runtime tells them.")
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Every backend of every runtime, and a table of what is measured, emulated and missing."
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
    isolate: o.Isolate = None,
    time_limit: o.TimeLimit = None,
    memory_limit: o.MemoryLimit = None,
    quiet: o.Quiet = False,
) -> int:
    """Time every artifact on disk on every runtime of this machine; accuracy already measured is kept."""
    from toolkit.errors import UsageError
    from toolkit.options import swept
    from toolkit.pipeline import bench as bench_pipeline
    from toolkit.run_folder.folder import recorded_options
    from toolkit.stages.runtimes import every_runtime

    if everything and runners is not None:
        raise UsageError("--all takes every runtime and --runners names some; give one of them")
    if everything:
        runners = ",".join(every_runtime())
    given = {
        "output_sizes": output_sizes, "runners": runners, "latency_samples": latency_samples, "per_op": per_op or None,
        "isolate": isolate, "time_limit": time_limit, "memory_limit": memory_limit,
    }  # fmt: skip
    if bundle is None and bundle_pictures is not None:
        raise UsageError("--bundle-pictures says what goes into a bundle; give --bundle FILE.zip as well")
    options = swept(recorded_options(folder, given), threads)
    screen = Screen(quiet)
    if bundle is not None:
        from toolkit.devices.bundle import write_bundle

        screen.show_bundle(write_bundle(options, bundle, bundle_pictures, screen.progress), folder)
        return 0
    outcome = bench_pipeline(options, screen.progress)
    (screen.show_coverage if everything else screen.show_report)(outcome)
    return outcome.status


COMMAND = bench
