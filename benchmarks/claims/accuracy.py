"""Every network's weight, work and accuracy: in torch as trained, and as int8_static .tflite in LiteRT."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.counts import cached, held_out, held_out_pool, runner_counts, summary
from benchmarks.claims.models import FIRST, SIDE, Model, graph_multiply_adds, open_model, trained
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from converters import Artifact
    from validation.runners.base.contract import Runner

RECIPE = "int8_static"
CALIBRATION_IMAGES = 32


def measure_accuracy(images: int, work: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure the part of the page on the networks; `tell` hears what is being done."""
    from toolkit.stages.reference import reference_runner
    from validation.runners.litert.runner import LiteRtRunner

    names = trained()
    if FIRST not in names:
        raise UsageError(f"the weights of {FIRST} are missing; train and export them first")
    tell(f"{images} held-out pictures")
    pool, data = held_out_pool(images, SIDE, work), held_out(images, SIDE).digest()
    rows: list[dict[str, Any]] = []
    firsts: list[NDArray[np.int64]] = []
    for name in names:
        tell(f"{name}: convert")
        model = open_model(name)
        artifact = int8_artifact(model, work)
        found = []
        runners: list[tuple[str, str, Runner]] = [
            ("float", model.source.weights_sha256, reference_runner(model.source, _options())),
            ("int8", artifact.sha256, LiteRtRunner(artifact, "xnnpack", threads=1)),
        ]
        for kind, sha256, runner in runners:
            tell(f"{name}: {kind} accuracy")

            def make(runner: Runner = runner) -> Any:
                return runner_counts(runner, pool)

            found.append(cached(work, f"{name}-{kind}", [sha256, data, kind], make))
        firsts = firsts or found
        rows.append(
            {
                "name": name,
                "title": model.title,
                "steps": model.steps,
                "weights_sha256": model.source.weights_sha256,
                "parameters": model.source.parameters,
                "weights_bytes": model.weights_bytes,
                "multiply_adds": graph_multiply_adds(_module(model)),
                "float": summary(found[0], None if name == FIRST else firsts[0]),
                "int8": {**summary(found[1], None if name == FIRST else firsts[1]), "bytes": artifact.size_bytes},
                "int8_minus_float": summary(found[1], found[0]),
            }
        )
    return {"images": images, "data": data, "calibration_images": CALIBRATION_IMAGES, "rows": rows}


def int8_artifact(model: Model, work: Path) -> Artifact:
    """Convert the network to an int8_static .tflite with segport, or keep what an earlier run made.


    Raises:
        ConversionError, MissingToolError, SourceError: why it cannot be made.
    """
    from rich.console import Console

    from toolkit.progress import ConsoleProgress
    from toolkit.run_folder.folder import RunFolder
    from toolkit.stages.convert import perform_plan, plan_conversions

    folder, progress = RunFolder(work / "converted" / model.name), ConsoleProgress(Console(stderr=True))
    made = perform_plan(*plan_conversions(_options(), model.source, progress), _options(), folder, progress)
    outcome = made.outcomes[0]
    if outcome.artifact is None:
        assert outcome.error is not None
        raise outcome.error
    return outcome.artifact


def _options() -> Any:
    from toolkit.options import RunOptions

    return RunOptions(formats=("tflite",), recipes=(RECIPE,), calibration_images=CALIBRATION_IMAGES, threads=1)


def _module(model: Model) -> Any:
    assert model.source.module is not None
    return model.source.module
