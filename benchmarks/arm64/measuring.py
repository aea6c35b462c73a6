"""What is asked of the emulated CPUs.

A picture takes seconds to minutes, so every answer is kept and nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.claims.accuracy import CALIBRATION_IMAGES
from benchmarks.claims.counts import held_out
from benchmarks.claims.models import FIRST, LABELS, SIDE, open_model
from benchmarks.kept_answers import Kept

if TYPE_CHECKING:
    from converters import Artifact
    from validation.runners.arm64.runner import Arm64Runner

INTEGERS = "int8_static"
RECIPES = (INTEGERS, "int8_dynamic", "float16", "float32")
COUNTS = 2
"""Processes that count anew the instructions of the network of integers."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """How much is asked.

    Attributes:
        cpus: profiles, see `validation.runners.arm64.profiles`; the first judges accuracy.
        equality_images: pictures whose int8 answer is compared bit by bit on every CPU.
        accuracy_images: pictures whose int8 answer is judged on the first CPU.
    """

    cpus: tuple[str, ...]
    equality_images: int
    accuracy_images: int


def measure(asked: Asked, work: Path, tell: Tell) -> dict[str, Any]:
    """Measure the figures of the page.


    Raises:
        UsageError: the machine for ARM64 has not been made.
        RunnerError: a run of it failed, or a network of integers gave other bits than on this machine's CPU.
    """
    from toolkit.errors import UsageError
    from validation.runners.arm64.runner import Arm64Runner

    available = Arm64Runner.availability(asked.cpus[0])
    if not available.ok:
        raise UsageError(available.reason)
    kept = Kept(work / "arm64.json")
    artifacts = _artifacts(work, tell)
    return {
        "sha256": {recipe: artifact.sha256 for recipe, artifact in artifacts.items()},
        "bytes": {recipe: artifact.size_bytes for recipe, artifact in artifacts.items()},
        "emulator": _emulator(),
        "instructions": {cpu: _instructions(artifacts, cpu, kept, tell) for cpu in asked.cpus},
        "agreement": {cpu: _agreement(artifacts, cpu, asked, kept, tell) for cpu in asked.cpus},
        "accuracy": _accuracy(artifacts[INTEGERS], asked, kept, tell),
    }


def _artifacts(work: Path, tell: Tell) -> dict[str, Artifact]:
    """Convert FP-LIIF by every recipe with segport, or keep what an earlier run made."""
    from rich.console import Console

    from toolkit.options import RunOptions
    from toolkit.progress import ConsoleProgress
    from toolkit.run_folder.folder import RunFolder
    from toolkit.stages.convert import perform_plan, plan_conversions

    tell("converting")
    options = RunOptions(formats=("tflite",), recipes=RECIPES, calibration_images=CALIBRATION_IMAGES, threads=1)
    folder, progress = RunFolder(work / "converted"), ConsoleProgress(Console(stderr=True))
    made = perform_plan(*plan_conversions(options, open_model(FIRST).source, progress), options, folder, progress)
    found: dict[str, Artifact] = {}
    for outcome in made.outcomes:
        if outcome.artifact is None:
            assert outcome.error is not None
            raise outcome.error
        found[outcome.artifact.recipe] = outcome.artifact
    return {recipe: found[recipe] for recipe in RECIPES}


def _emulator() -> dict[str, str]:
    from validation.runners.arm64.machine import MACHINE

    return dict(MACHINE.installed())


def _opened(artifact: Artifact, cpu: str) -> Arm64Runner:
    from validation.runners.arm64.runner import Arm64Runner

    return Arm64Runner(artifact, cpu)


def _instructions(artifacts: dict[str, Artifact], cpu: str, kept: Kept, tell: Tell) -> dict[str, list[dict[str, Any]]]:
    """Counts of one inference of the first picture, each in a process of its own."""
    picture = held_out(1, SIDE)[0].image
    found: dict[str, list[dict[str, Any]]] = {}
    for recipe, artifact in artifacts.items():
        found[recipe] = []
        for again in range(COUNTS if recipe == INTEGERS else 1):

            def count(artifact: Artifact = artifact) -> dict[str, Any]:
                with _opened(artifact, cpu) as runner:
                    return runner.count_instructions(picture).to_json()

            tell(f"{cpu}: instructions of {recipe}")
            found[recipe].append(kept.get(("instructions", cpu, artifact.sha256, again), count))
    return found


def _agreement(
    artifacts: dict[str, Artifact], cpu: str, asked: Asked, kept: Kept, tell: Tell
) -> dict[str, dict[str, Any]]:
    """Pictures with the same bits as on this machine's CPU, and the largest difference of any two logits.

    Floats are compared on the first CPU alone, and on one picture: they take minutes.
    """
    found: dict[str, dict[str, Any]] = {}
    recipes = artifacts if cpu == asked.cpus[0] else (INTEGERS,)
    for recipe in recipes:
        artifact = artifacts[recipe]
        images = asked.equality_images if recipe == INTEGERS else 1
        answers = _answers(artifact, cpu, images, kept, tell)
        found[recipe] = {
            "images": images,
            "bit_equal": sum(answer["bit_equal"] for answer in answers),
            "largest_difference": max(answer["largest_difference"] for answer in answers),
        }
    return found


def _accuracy(artifact: Artifact, asked: Asked, kept: Kept, tell: Tell) -> dict[str, Any]:
    """Measure per-class IoU of the network of integers on the first CPU, and of the float network in torch on the same
    pictures."""
    from benchmarks.claims.counts import runner_counts
    from fpliif.training.pool import open_pool
    from toolkit.options import RunOptions
    from toolkit.stages.reference import reference_runner
    from validation.accuracy.confusion import scores

    cpu, images = asked.cpus[0], asked.accuracy_images
    answers = _answers(artifact, cpu, images, kept, tell)
    counts = np.array([answer["confusion"] for answer in answers], np.int64).sum(axis=0)

    def in_torch() -> list[list[int]]:
        pool = open_pool(held_out(images, SIDE), Path("runs/claims") / f"pool-test-{images}-{SIDE}")
        total = runner_counts(reference_runner(open_model(FIRST).source, RunOptions(threads=1)), pool).sum(axis=0)
        return total.tolist()  # type: ignore[no-any-return]

    tell(f"float reference on {images} pictures")
    reference = np.array(kept.get(("reference", FIRST, images), in_torch), np.int64)
    mine, float_network = scores(counts), scores(reference)
    return {
        "cpu": cpu,
        "images": images,
        "classes": list(LABELS.names),
        "iou": list(mine.iou),
        "miou": mine.miou,
        "float_iou": list(float_network.iou),
        "float_miou": float_network.miou,
    }


def _answers(artifact: Artifact, cpu: str, images: int, kept: Kept, tell: Tell) -> list[dict[str, Any]]:
    """For each of the first held-out pictures: how the answer agrees, and its confusion matrix."""
    from validation.accuracy.confusion import confusion_matrix
    from validation.runners.base.values import label_map

    samples = held_out(images, SIDE)
    with ExitStack() as resources:
        opened: list[Arm64Runner] = []  # Nothing is started where every answer is kept.

        def answer(place: int) -> dict[str, Any]:
            if not opened:
                opened.append(resources.enter_context(_opened(artifact, cpu)))
            runner = opened[0]
            before = runner.native_agreement() or {"bit_equal": 0}
            labels = label_map(runner.predict(samples[place].image))
            after = runner.native_agreement()
            assert after is not None
            return {
                "bit_equal": after["bit_equal"] - before["bit_equal"],
                "largest_difference": after["largest_difference"],
                "confusion": confusion_matrix(samples[place].mask, labels, len(LABELS.names)).tolist(),
            }

        found = []
        for place in range(images):
            tell(f"{cpu}: {artifact.name}, picture {place + 1} of {images}")
            found.append(kept.get(("answer", cpu, artifact.sha256, place), partial(answer, place)))
        return found
