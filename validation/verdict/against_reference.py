"""Hold an artifact's accuracy against the float reference on the same pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from validation.accuracy.result import AccuracyResult
from validation.errors import ValidationError
from validation.metrics import measured_metrics
from validation.results.run import Accuracy, ImageDrop, Interval, Status
from validation.verdict.bootstrap import RESAMPLES, delta_intervals


@dataclass(frozen=True)
class Comparison:
    """Artifact minus reference, as fractions; a minus sign is a loss. Position = class id.

    Attributes:
        delta_miou: None if either side has no mean IoU.
        delta_per_class_iou: None where the class is absent (empty union) on either side.
        delta_miou_ci95: paired bootstrap interval; None with fewer than two pictures.
        delta_per_class_ci95: the same per class.
        lost: class ids that the reference finds (IoU above 0) and the artifact never does (IoU 0, or no union left).
        worst_images: pictures whose mean IoU fell the most, worst first.
    """

    delta_miou: float | None
    delta_per_class_iou: tuple[float | None, ...]
    delta_miou_ci95: Interval | None
    delta_per_class_ci95: tuple[Interval | None, ...]
    lost: tuple[int, ...]
    worst_images: tuple[ImageDrop, ...]


def compare_with_reference(
    result: AccuracyResult,
    reference: AccuracyResult,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    worst_images: int = 5,
) -> Comparison:
    """Compare on the pictures of `result`; the reference may have seen more.

    Raises:
        ValidationError: other classes, another output size, or pictures the reference has not seen.
    """
    if result.per_image.shape[1:] != reference.per_image.shape[1:]:
        raise ValidationError("an artifact and a reference with different class counts cannot be compared")
    if result.evaluated_at != reference.evaluated_at:
        raise ValidationError(
            f"the artifact answers at {result.evaluated_at} and the reference at {reference.evaluated_at}; "
            "convert both for one output size"
        )
    same = reference.restricted_to(result.indices)
    intervals = delta_intervals(result.per_image, same.per_image, resamples=resamples, seed=seed)
    mine, theirs = result.scores, same.scores
    return Comparison(
        delta_miou=difference(mine.miou, theirs.miou),
        delta_per_class_iou=tuple(difference(a, b) for a, b in zip(mine.iou, theirs.iou, strict=True)),
        delta_miou_ci95=intervals.miou,
        delta_per_class_ci95=intervals.per_class,
        lost=tuple(c for c, (a, b) in enumerate(zip(mine.iou, theirs.iou, strict=True)) if b and not a),
        worst_images=_worst(result, same, worst_images),
    )


def difference(mine: float | None, theirs: float | None) -> float | None:
    """Subtract theirs from mine; None if either does not exist."""
    return None if mine is None or theirs is None else mine - theirs


def _worst(result: AccuracyResult, reference: AccuracyResult, count: int) -> tuple[ImageDrop, ...]:
    deltas = result.image_miou - reference.image_miou
    order = [row for row in np.argsort(deltas, kind="stable") if not np.isnan(deltas[row])]
    return tuple(
        ImageDrop(result.sample_ids[row], float(reference.image_miou[row]), float(result.image_miou[row]))
        for row in order[:count]
    )


def accuracy_of(result: AccuracyResult, comparison: Comparison | None) -> Accuracy:
    """Say how accurate a measured run was; without a comparison nothing of the reference."""
    names, found = result.classes, result.scores
    boundary = result.boundary
    accuracy = Accuracy(
        Status.MEASURED,
        images=result.images,
        evaluated_at=result.evaluated_at,
        judged_at=result.judged_at,
        miou=found.miou,
        mean_f1=found.mean_f1,
        overall_f1=result.overall_f1,
        pixel_accuracy=found.pixel_accuracy,
        per_class_iou=by_class(names, found.iou),
        per_class_f1=by_class(names, found.f1),
        per_class_precision=by_class(names, found.precision),
        per_class_recall=by_class(names, found.recall),
        per_class_boundary_iou={} if boundary is None else by_class(names, boundary.boundary_iou),
        per_class_boundary_f1={} if boundary is None else by_class(names, boundary.boundary_f1),
        pixel_agreement=result.pixel_agreement,
        metrics=measured_metrics(result.confusion, names),
        class_flips=None if result.flips is None else tuple(tuple(row) for row in result.flips.tolist()),
        margin_at_flips=None if result.margin_at_flips is None else result.margin_at_flips.to_json(),
    )
    if comparison is None:
        return accuracy
    return replace(
        accuracy,
        delta_miou=comparison.delta_miou,
        delta_per_class_iou=by_class(names, comparison.delta_per_class_iou),
        delta_miou_ci95=comparison.delta_miou_ci95,
        delta_per_class_iou_ci95=dict(zip(names, comparison.delta_per_class_ci95, strict=True)),
        lost_classes=tuple(names[c] for c in comparison.lost),
        worst_images=comparison.worst_images,
    )


def by_class(names: tuple[str, ...], values: tuple[float | None, ...]) -> dict[str, float | None]:
    """Give values by class name, in the order of the ids."""
    return dict(zip(names, values, strict=True))
