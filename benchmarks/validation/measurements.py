"""The four measurements; each returns plain figures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from converters import Artifact, ModelSource
    from segdata import Dataset
    from validation.runners.base.contract import Runner

Tell = Callable[[str], None]
Figures = dict[str, Any]
OVERHEAD_PICTURES = 16
BOOTSTRAP_CLASSES = 19


def overhead(folder: Path, tell: Tell, rounds: int) -> list[Figures]:
    """Validation against the bare runner on the same pictures, in turns; the shipped network, one thread."""
    from validation.runners.litert.runner import LiteRtRunner
    from validation.runners.onnxruntime import OnnxRuntimeRunner

    dataset, (onnx, tflite) = _shipped(folder, OVERHEAD_PICTURES, ("onnx", "float32"), ("tflite", "int8_static"))
    found = []
    for runner in (OnnxRuntimeRunner(onnx), LiteRtRunner(tflite)):
        tell(f"overhead: {runner.artifact.name}")
        bare, whole = _in_turns(runner, dataset, rounds)
        ratios = [validated / alone for validated, alone in zip(whole, bare, strict=True)]
        found.append(
            {
                "runner": runner.name,
                "artifact": runner.artifact.name,
                "inference_ms": statistics.median(bare) / len(dataset) * 1e3,
                "validation_ms": statistics.median(whole) / len(dataset) * 1e3,
                "overhead": statistics.median(ratios) - 1,
                "rounds": rounds,
            }
        )
    return found


def _in_turns(runner: Runner, dataset: Dataset, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of bare loops and of validations, one of each a round; which goes first changes from round to round."""
    from validation.accuracy.evaluation import evaluate
    from validation.runners.base.resizing import fit_picture

    size = (runner.artifact.image.height, runner.artifact.image.width)
    pictures = [fit_picture(sample.image, *size) for sample in dataset]

    def bare() -> None:
        for picture in pictures:
            runner.predict(picture)

    times: dict[str, list[float]] = {"bare": [], "whole": []}
    with runner:
        bare()
        for number in range(rounds):
            contest = [("bare", bare), ("whole", lambda: evaluate(runner, dataset))]
            for name, action in contest if number % 2 else reversed(contest):
                start = time.perf_counter()
                action()
                times[name].append(time.perf_counter() - start)
    return times["bare"], times["whole"]


def workers(folder: Path, pictures: int, tell: Tell) -> Figures:
    """Compare two workers with one on the same pictures: seconds, and whether the counts are equal. One thread each."""
    from validation.accuracy.evaluation import evaluate
    from validation.accuracy.workers import release_workers
    from validation.runners.onnxruntime import OnnxRuntimeRunner

    dataset, (artifact,) = _shipped(folder, pictures, ("onnx", "float32"))
    seconds, counts = {}, {}
    for count in (1, 2):
        tell(f"workers: {count}")
        start = time.perf_counter()
        runner = OnnxRuntimeRunner(artifact)
        if count == 1:
            with runner:
                result = evaluate(runner, dataset)
        else:
            result = evaluate(runner, dataset, workers=count)
        seconds[count], counts[count] = time.perf_counter() - start, result.per_image
    release_workers()
    return {
        "pictures": pictures,
        "seconds_1": seconds[1],
        "seconds_2": seconds[2],
        "ratio": seconds[1] / seconds[2],
        "equal": bool(np.array_equal(counts[1], counts[2])),
    }


def memory(folder: Path, pictures: int, tell: Tell) -> tuple[Figures, dict[str, NDArray[np.float64]]]:
    """Resident memory of this process after every picture, in MB: the float reference, then the artifact."""
    import psutil

    from toolkit.options import RunOptions
    from toolkit.stages.reference import reference_runner
    from validation.accuracy.pieces import PieceStore
    from validation.measure import Measurements, measure_reference, measure_run
    from validation.runners.onnxruntime import OnnxRuntimeRunner

    source, dataset, process = _small(), _faces(pictures, 128), psutil.Process()
    (artifact,) = _converted(source, folder / "small", ("onnx", "float32"))
    store, curves = PieceStore(folder / "pieces"), {}

    def following(name: str) -> Callable[[int, int], None]:
        curve = curves[name] = np.zeros(pictures)

        def tick(done: int, total: int) -> None:
            curve[done - 1] = process.memory_info().rss / 1e6
            if done % max(1, total // 10) == 0:
                tell(f"memory: {name}, {done} of {total} pictures, {curve[done - 1]:.0f} MB")

        return tick

    maps = folder / "reference.npy"
    runner = reference_runner(source, RunOptions(threads=1))
    reference = measure_reference(runner, dataset, maps, progress=following("float reference"), store=store)
    what = Measurements(dataset, reference, None, memory=False, store=store)
    measure_run(OnnxRuntimeRunner, artifact, what, progress=following("ONNX Runtime"))
    curve = curves["ONNX Runtime"]
    tenth = max(1, pictures // 10)
    slope = np.polyfit(np.arange(tenth, pictures), curve[tenth:], 1)[0] if pictures > 2 * tenth else np.nan
    figures = {
        "pictures": pictures,
        "mb_after_a_tenth": float(curve[tenth - 1]),
        "mb_at_the_end": float(curve[-1]),
        "kb_a_picture": float(slope * 1e3),
        "kept_bytes_a_picture": int(reference.accuracy.per_image[0].nbytes),
    }
    return figures, curves


def bootstrap(pictures: int) -> Figures:
    """Seconds for 10,000 paired resamples of per-picture matrices; the best of three."""
    from validation.verdict.bootstrap import RESAMPLES, delta_intervals

    random = np.random.default_rng(0)
    shape = (pictures, BOOTSTRAP_CLASSES, BOOTSTRAP_CLASSES)
    mine, theirs = (random.integers(0, 4000, shape, dtype=np.uint32) for _ in range(2))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        delta_intervals(mine, theirs)
        seconds.append(time.perf_counter() - start)
    return {
        "pictures": pictures,
        "classes": BOOTSTRAP_CLASSES,
        "resamples": RESAMPLES,
        "seconds": min(seconds),
        "seconds_of_each": seconds,
    }


def _shipped(folder: Path, pictures: int, *kinds: tuple[str, str]) -> tuple[Dataset, list[Artifact]]:
    """Make artifacts of the shipped network, and faces on disk as a user has them."""
    from toolkit.models import load_source
    from toolkit.options import RunOptions

    source = load_source(RunOptions())
    return _on_disk(pictures, folder / f"faces-{pictures}"), _converted(source, folder / "shipped", *kinds)


def _converted(source: ModelSource, folder: Path, *kinds: tuple[str, str]) -> list[Artifact]:
    from converters import make_plan
    from converters.conversion.perform import perform
    from quantization import recipe
    from quantization.calibration import CalibrationSet
    from validation.observing.ranges import observe_tensors

    images = np.stack([sample.image for sample in _faces(8, source.input_size[0], "train")])
    calibration = CalibrationSet(images, tuple(map(str, range(8))), "synthetic-faces train", observer=observe_tensors)
    plan = make_plan(source, [(form, recipe(name)) for form, name in kinds], calibration=calibration.digest())
    made = []
    for outcome in perform(plan, folder, calibration):
        if outcome.artifact is None:
            raise SystemExit(f"{outcome.conversion.name} could not be made: {outcome.error}")
        made.append(outcome.artifact)
    return made


def _faces(count: int, side: int, split: str = "test") -> Dataset:
    from segdata.registry import open_dataset

    return open_dataset("synthetic-faces", split=split, size=side, limit=count)


def _on_disk(count: int, root: Path) -> Dataset:
    from PIL import Image

    from segdata.registry import open_dataset

    drawn = _faces(count, 256)
    for kind in ("images", "masks"):
        (root / "test" / kind).mkdir(parents=True, exist_ok=True)
    for index, sample in enumerate(drawn):
        Image.fromarray(sample.image).save(root / "test" / "images" / f"{index:04d}.jpg", quality=92)
        Image.fromarray(sample.mask).save(root / "test" / "masks" / f"{index:04d}.png")
    (root / "classes.txt").write_text("\n".join(drawn.labels.names) + "\n")
    return open_dataset(f"folder:{root}", split="test")


def _small() -> ModelSource:
    """Three convolutions: fast enough for a thousand pictures, so that reading and counting are most of the work."""
    import torch

    from converters import ModelSource, PixelRange
    from segdata import FACE11

    torch.manual_seed(0)
    layers = (torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(16, 16, 3, padding=1))
    network = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Conv2d(16, len(FACE11.names), 1)).eval()
    return ModelSource(
        name="small",
        classes=FACE11.names,
        colours=FACE11.colours,
        input_size=(128, 128),
        output_size=(128, 128),
        pixel_range=PixelRange.UNIT,
        parameters=sum(p.numel() for p in network.parameters()),
        weights_sha256="0" * 64,
        origin="benchmarks.validation",
        module=network,
    )
