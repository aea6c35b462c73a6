"""Measure a run in one call: availability, accuracy, latency and memory of an artifact in a runtime, each with its
own status.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters import Artifact
from segdata import Dataset
from validation.accuracy.confusion import of_one_answer
from validation.accuracy.counting import JudgedAt
from validation.accuracy.evaluation import Progress, evaluate, reference_maps
from validation.accuracy.maps import LabelMaps
from validation.accuracy.matrices import MatrixStore
from validation.accuracy.pieces import PieceStore
from validation.accuracy.result import AccuracyResult
from validation.errors import RunnerError, ValidationError
from validation.metrics import measured_metrics
from validation.results.latency import LatencyResult
from validation.results.run import Accuracy, RunResult, Setting, Status, Timing
from validation.runners.base.contract import Runner, unavailable
from validation.runners.base.latency_settings import LatencySettings
from validation.runners.base.resizing import fit_picture
from validation.timing.cold_start import peak_memory
from validation.timing.stopwatch import measure_latency
from validation.verdict.against_reference import accuracy_of, by_class, compare_with_reference


@dataclass(frozen=True)
class Reference:
    """The float reference on a dataset: what every artifact is compared with.

    Attributes:
        runner: name of its runtime.
        accuracy: its scores on the whole dataset, with per-picture matrices.
        maps: its label maps on disk.
        latency: its time; None if not measured.
    """

    runner: str
    accuracy: AccuracyResult
    maps: LabelMaps
    latency: LatencyResult | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the report's `reference`."""
        found, boundary = self.accuracy.scores, self.accuracy.boundary
        names, constant = self.accuracy.classes, of_one_answer(self.accuracy.confusion)
        return {
            "runner": self.runner,
            "images": self.accuracy.images,
            "evaluated_at": list(self.accuracy.evaluated_at),
            "judged_at": self.accuracy.judged_at,
            "miou": found.miou,
            "mean_f1": found.mean_f1,
            "overall_f1": self.accuracy.overall_f1,
            "pixel_accuracy": found.pixel_accuracy,
            "per_class_iou": by_class(names, found.iou),
            "per_class_f1": by_class(names, found.f1),
            "per_class_boundary_iou": by_class(names, boundary.boundary_iou) if boundary else {},
            "per_class_boundary_f1": by_class(names, boundary.boundary_f1) if boundary else {},
            "metrics": measured_metrics(self.accuracy.confusion, names),
            "census": _census(self.accuracy),
            "of_one_answer": None if constant is None else {"class": names[constant[0]], "miou": constant[1]},
            "latency_ms": None if self.latency is None else self.latency.to_json(),
        }


def _census(accuracy: AccuracyResult) -> dict[str, Any] | None:
    """Count pixels: how many masks ignore, and of each class in the masks and among all answers."""
    if accuracy.census is None:
        return None
    *answered, ignored = (int(count) for count in accuracy.census)
    truth = [int(count) for count in accuracy.confusion.sum(axis=1)]
    names = accuracy.classes
    return {
        "ignored": ignored,
        "truth": dict(zip(names, truth, strict=True)),
        "answered": dict(zip(names, answered, strict=True)),
    }


@dataclass(frozen=True)
class Measurements:
    """What to measure of a run.

    Attributes:
        dataset: for accuracy; None leaves accuracy out.
        reference: for deltas and agreement; None leaves them out.
        latency: bounds; None leaves latency out.
        memory: whether to measure peak memory.
        limit: judge by at most this many pictures.
        judge_at: whose pixels are counted, see `evaluate`.
        matrices: where per-picture counts are kept for later comparisons; None keeps none.
        workers: processes that judge pictures at the same time; latency is measured in one.
        store: where counts are kept so that a killed validation continues; None keeps none.
        picture: uint8 RGB of any size to time with; the dataset's first picture if None.
    """

    dataset: Dataset | None = None
    reference: Reference | None = None
    latency: LatencySettings | None = field(default_factory=LatencySettings)
    memory: bool = True
    limit: int | None = None
    judge_at: JudgedAt = "network"
    matrices: MatrixStore | None = None
    workers: int = 1
    store: PieceStore | None = None
    picture: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    def picture_for(self, artifact: Artifact) -> NDArray[np.uint8]:
        """Choose the picture to time with, at the artifact's input size; ValidationError if there is none."""
        picture = self.picture
        if picture is None and self.dataset is not None and len(self.dataset):
            picture = self.dataset[0].image
        if picture is None:
            raise ValidationError("latency needs a picture; give one, or a dataset")
        return fit_picture(picture, artifact.image.height, artifact.image.width)


def measure_reference(
    runner: Runner,
    dataset: Dataset,
    maps: Path,
    *,
    latency: LatencySettings | None = None,
    progress: Progress | None = None,
    judge_at: JudgedAt = "network",
    workers: int = 1,
    store: PieceStore | None = None,
) -> Reference:
    """Run the float reference over the whole dataset; its label maps go to `maps`.

    Args:
        runner: bound to the reference, not open.
        dataset: pictures with masks.
        maps: .npy file to write.
        latency: bounds; None leaves latency out.
        progress: called after every picture.
        judge_at, workers, store: see `evaluate`.

    Raises:
        RunnerError, ValidationError, DataError: see `evaluate`; without a reference there is nothing to report.
    """
    with runner if workers == 1 else nullcontext():
        written, accuracy = reference_maps(runner, dataset, maps, progress, judge_at, workers=workers, store=store)
    timed = None
    if latency is not None:
        timed = measure_latency(runner, Measurements(dataset).picture_for(runner.artifact), latency)
    return Reference(runner.name, accuracy, written, timed)


def measure_run(
    runner_type: type[Runner],
    artifact: Artifact,
    what: Measurements,
    *,
    backend: str | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> RunResult:
    """Measure one artifact in one runtime. A runtime that is missing or fails is a result, not an exception.

    Raises:
        ValidationError, DataError: what was asked makes no sense (backend, classes, masks): see `Runner`, `evaluate`.
    """
    runner = runner_type(artifact, backend, threads)
    setting = Setting(
        runner.name,
        runner.backend,
        threads if runner.settable_threads else None,
        output_size=(artifact.output.height, artifact.output.width),
        signature=artifact.signature,
        emulates=runner.emulates(runner.backend),
    )
    reason = unavailable(runner)
    if not reason:
        try:
            if (machine := runner.machine()) is not None:
                setting = replace(setting, machine=machine.name, machine_details=asdict(machine))
        except RunnerError as error:
            reason = str(error)
    if reason:
        nothing = Timing(latency_reason=reason, memory_reason=reason)
        return RunResult.of(setting, Accuracy(Status.NOT_RUN, reason), nothing)
    accuracy = _accuracy(runner, what, progress)
    if accuracy.status is Status.MEASURED:
        setting = replace(setting, delegation=runner.delegation())
    return RunResult.of(setting, accuracy, _with_memory(_timing(runner, what), runner, what))


def _accuracy(runner: Runner, what: Measurements, progress: Progress | None) -> Accuracy:
    if what.dataset is None:
        return Accuracy(Status.NOT_RUN, "no dataset was given")
    references = None if what.reference is None else what.reference.maps
    try:
        with runner if what.workers == 1 else nullcontext():
            result = evaluate(
                runner,
                what.dataset,
                references=references,
                limit=what.limit,
                progress=progress,
                judge_at=what.judge_at,
                workers=what.workers,
                store=what.store,
            )
    except RunnerError as error:
        return Accuracy(Status.FAILED, str(error))
    if what.matrices is not None:
        what.matrices.save(runner.artifact, runner.name, runner.backend, result)
    comparison = None if what.reference is None else compare_with_reference(result, what.reference.accuracy)
    return replace(accuracy_of(result, comparison), native_agreement=runner.native_agreement())


def _timing(runner: Runner, what: Measurements) -> Timing:
    """Measure the latency alone."""
    if what.latency is None:
        return Timing()
    reason = runner.latency_reason(runner.backend)
    if reason:
        return Timing(latency_reason=reason)
    try:
        found = measure_latency(runner, what.picture_for(runner.artifact), what.latency)
    except RunnerError as error:
        return Timing(Status.FAILED, str(error))
    return Timing(Status.MEASURED, "", found)


def _with_memory(timing: Timing, runner: Runner, what: Measurements) -> Timing:
    if not what.memory:
        return timing
    try:
        found = peak_memory(runner)
    except RunnerError as error:
        return replace(timing, memory_reason=str(error))
    return replace(
        timing,
        peak_memory_bytes=found.bytes,
        anonymous_memory_bytes=found.anonymous,
        memory_reason=found.reason,
    )
