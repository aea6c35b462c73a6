"""Accuracy of one runner over a dataset: counts of every picture, and the ratios that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segdata.groups import OVERALL, places_of
from validation.accuracy.boundary import BoundaryCounts
from validation.accuracy.confusion import Scores, iou_values, mean_over_present, optional, pooled_f1, scores
from validation.accuracy.counting import JudgedAt
from validation.accuracy.margins import MarginCounts
from validation.errors import ValidationError


@dataclass(frozen=True, eq=False)
class AccuracyResult:
    """What one runner answered on a dataset, counted.

    Attributes:
        classes: class names, position = id.
        sample_ids: ids of the pictures used, in order.
        indices: their positions in the dataset.
        evaluated_at: (height, width) at which answers and masks were compared: the size of the answer.
        masks_resized: True if any mask had another size and was resized (nearest).
        per_image: uint32 (N, C, C), the confusion matrix of each picture, rows truth.
        flips: int64 (C, C), pixels by (class in the float reference, class here), over all pixels, ignored ones
            included; None if no reference maps were given.
        judged_at: ``"network"``: masks were resized to the answer; ``"original"``: answers to each picture's own mask.
        boundary: how well edges lie, pooled; None on a part of the pictures.
        census: int64 (C + 1,), pixels that were answered with each class, ignored ones included, and how many pixels
            the masks ignore; None on a part of the pictures.
        margin_at_flips: how sure the float reference had been of the pixels whose class changed; None where that was
            not recorded.
    """

    classes: tuple[str, ...]
    sample_ids: tuple[str, ...]
    indices: tuple[int, ...]
    evaluated_at: tuple[int, int]
    masks_resized: bool
    per_image: NDArray[np.uint32]
    flips: NDArray[np.int64] | None
    boundary: BoundaryCounts | None = None
    judged_at: JudgedAt = "network"
    margin_at_flips: MarginCounts | None = None
    census: NDArray[np.int64] | None = None

    @property
    def images(self) -> int:
        """Number of pictures used."""
        return len(self.indices)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """int64 (C, C), pooled over all pictures."""
        pooled: NDArray[np.int64] = self.per_image.sum(axis=0, dtype=np.int64)
        return pooled

    @cached_property
    def scores(self) -> Scores:
        """Ratios of the pooled matrix."""
        return scores(self.confusion)

    @property
    def overall_f1(self) -> float | None:
        """F1 of the inner face's classes pooled, as reported on Helen; None for models without these classes."""
        places = places_of(OVERALL, self.classes)
        return None if places is None else pooled_f1(self.confusion, places)

    @property
    def pixel_agreement(self) -> float | None:
        """Fraction of pixels with the float reference's class; None if it was not compared."""
        if self.flips is None or self.flips.sum() == 0:
            return None
        return int(np.trace(self.flips)) / int(self.flips.sum())

    @cached_property
    def image_miou(self) -> NDArray[np.float64]:
        """Mean IoU of each picture alone, (N,); NaN where every pixel is ignored."""
        return mean_over_present(iou_values(self.per_image))

    def worst_images(self, count: int) -> tuple[tuple[str, float], ...]:
        """(sample id, mean IoU) of the pictures with the lowest mean IoU, worst first."""
        known = [index for index in np.argsort(self.image_miou, kind="stable") if not np.isnan(self.image_miou[index])]
        return tuple((self.sample_ids[index], float(self.image_miou[index])) for index in known[:count])

    def image_scores(self) -> tuple[tuple[str, float | None], ...]:
        """(sample id, mean IoU or None) of every picture, in order."""
        return tuple(zip(self.sample_ids, optional(self.image_miou), strict=True))

    def restricted_to(self, indices: Sequence[int]) -> AccuracyResult:
        """The same result on some of its pictures, given by their positions in the dataset; without flips.

        Raises:
            ValidationError: a picture was not evaluated here.
        """
        if tuple(indices) == self.indices:
            return self
        rows = {index: row for row, index in enumerate(self.indices)}
        missing = [index for index in indices if index not in rows]
        if missing:
            raise ValidationError(f"picture {missing[0]} was not shown to the reference; validate on the same pictures")
        chosen = [rows[index] for index in indices]
        return AccuracyResult(
            classes=self.classes,
            sample_ids=tuple(self.sample_ids[row] for row in chosen),
            indices=tuple(indices),
            evaluated_at=self.evaluated_at,
            masks_resized=self.masks_resized,
            per_image=self.per_image[chosen],
            flips=None,
            judged_at=self.judged_at,
        )


def spread(count: int, limit: int | None) -> tuple[int, ...]:
    """All of range(count), or `limit` of them spread evenly; raises ValidationError for a limit below 1."""
    if limit is None or limit >= count:
        return tuple(range(count))
    if limit < 1:
        raise ValidationError(f"a limit of {limit} pictures leaves none; give 1 or more")
    return tuple((2 * step + 1) * count // (2 * limit) for step in range(limit))


def smallest(*limits: int | None) -> int | None:
    """The smallest limit that is one."""
    return min((limit for limit in limits if limit is not None), default=None)
