"""An artifact's accuracy against the float reference on the same pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from validation.accuracy import AccuracyResult
from validation.bootstrap import RESAMPLES, Interval, delta_intervals
from validation.errors import ValidationError


@dataclass(frozen=True)
class ImageDrop:
    """One picture: its id, and its mean IoU with the reference and with the artifact."""

    id: str
    reference_miou: float
    miou: float


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
    """mine - theirs; None if either does not exist."""
    return None if mine is None or theirs is None else mine - theirs


def _worst(result: AccuracyResult, reference: AccuracyResult, count: int) -> tuple[ImageDrop, ...]:
    deltas = result.image_miou - reference.image_miou
    order = [row for row in np.argsort(deltas, kind="stable") if not np.isnan(deltas[row])]
    return tuple(
        ImageDrop(result.sample_ids[row], float(reference.image_miou[row]), float(result.image_miou[row]))
        for row in order[:count]
    )
