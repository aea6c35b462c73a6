"""The shipped FP-LIIF in every runtime of this machine, sampled in turns so that drift hits all alike.

    python -m benchmarks runtimes

Prints the median of each runtime and its ratio to torch eager in float32. milrun is measured here only to know how long
a validation takes; its time says nothing about a phone.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

THREADS = 2
SECONDS_EACH = 10.0


def main() -> None:
    """Convert into a temporary folder, time everything in turns, print a table."""
    from rich.console import Console
    from rich.table import Table

    from toolkit.models import load_source
    from toolkit.options import RunOptions
    from toolkit.progress import ConsoleProgress
    from toolkit.run_folder.folder import RunFolder
    from toolkit.stages.convert import perform_plan, plan_conversions
    from toolkit.stages.picture_sets import judging_set
    from toolkit.stages.reference import reference_runner
    from validation.runners import runners
    from validation.runners.base.contract import Runner
    from validation.runners.base.latency_settings import LatencySettings
    from validation.timing.stopwatch import Stopwatch

    console = Console()
    options = RunOptions(images=1, threads=THREADS)
    source = load_source(options)
    picture = judging_set(options, source)[0].image
    with tempfile.TemporaryDirectory() as temporary:
        folder = RunFolder(Path(temporary))
        progress = ConsoleProgress(Console(stderr=True))
        made = perform_plan(*plan_conversions(options, source, progress), options, folder, progress)
        competitors: list[tuple[str, Runner]] = [("torch eager, float32", reference_runner(source, options))]
        for artifact in made.artifacts:
            for kind in runners().values():
                backend = kind.backends[0]
                if artifact.format in kind.formats and kind.availability(backend).ok:
                    competitors.append((f"{kind.name}, {artifact.name}", kind(artifact, backend, THREADS)))
        settings = LatencySettings(samples=1000, max_seconds=SECONDS_EACH)
        with ExitStack() as stack:
            watches = [(name, stack.enter_context(Stopwatch(item, picture, settings))) for name, item in competitors]
            for _, watch in watches:
                watch.warm_up()
            while any(watch.wants_more() for _, watch in watches):
                for _, watch in watches:
                    if watch.wants_more():
                        watch.sample()
            medians = [(name, float(np.median(watch.samples_ms)), len(watch.samples_ms)) for name, watch in watches]
    table = Table("runtime, artifact", "p50 ms", "ratio to torch", "samples", title=f"{THREADS} threads")
    for name, median, samples in medians:
        table.add_row(name, f"{median:.1f}", f"{median / medians[0][1]:.2f}", str(samples))
    console.print(table)


if __name__ == "__main__":
    main()
