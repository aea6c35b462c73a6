"""milrun against torch eager on the shipped FP-LIIF in float32, sampled in turns; the target is a ratio of at most
1.25.

    python -m benchmarks milrun

Both compute the same network on one thread: milrun from a float32 .mlpackage, torch from the module it was made from.
The ratio of the minima is what the interpreter costs; that of the medians includes what else the machine was doing.
It is no latency of a phone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from converters import Artifact, ModelSource
    from validation.timing.stopwatch import Stopwatch

THREADS = 1
TARGET = 1.25
SAMPLES = 40
SECONDS_EACH = 60.0


def main() -> None:
    """Convert into a temporary folder, sample in turns, print the ratios."""
    from toolkit.models import load_source
    from toolkit.options import RunOptions
    from toolkit.stages.picture_sets import judging_set
    from toolkit.stages.reference import reference_runner
    from validation.runners.base.latency_settings import LatencySettings
    from validation.runners.milrun import MilRunRunner
    from validation.timing.stopwatch import Stopwatch

    options = RunOptions(images=1, threads=THREADS)
    source = load_source(options)
    picture = judging_set(options, source)[0].image
    settings = LatencySettings(samples=SAMPLES, max_seconds=SECONDS_EACH, max_warmup=4)
    with tempfile.TemporaryDirectory() as temporary:
        ours = MilRunRunner(_float32_package(source, Path(temporary)), threads=THREADS)
        theirs = reference_runner(source, options)
        with Stopwatch(theirs, picture, settings) as torch, Stopwatch(ours, picture, settings) as milrun:
            torch.warm_up()
            milrun.warm_up()
            while torch.wants_more() and milrun.wants_more():
                torch.sample()
                milrun.sample()
            _report(torch, milrun)


def _float32_package(source: ModelSource, folder: Path) -> Artifact:
    from converters import make_plan
    from converters.conversion.perform import perform
    from quantization import recipe

    (outcome,) = perform(make_plan(source, [("coreml", recipe("float32"))]), folder)
    if outcome.artifact is None:
        raise SystemExit(f"the package could not be made: {outcome.error}")
    return outcome.artifact


def _report(torch: Stopwatch, milrun: Stopwatch) -> None:
    for name, watch in (("torch eager", torch), ("milrun", milrun)):
        times = watch.samples_ms
        print(f"{name}: min {times.min():.1f} ms, median {np.median(times):.1f} ms, {len(times)} samples")
    least = milrun.samples_ms.min() / torch.samples_ms.min()
    median = np.median(milrun.samples_ms / torch.samples_ms)
    print(f"ratio of minima {least:.3f}, median ratio of neighbouring samples {median:.3f}, target {TARGET}")
    if milrun.result().warning:
        print(milrun.result().warning)


if __name__ == "__main__":
    main()
