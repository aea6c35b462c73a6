"""How well edges lie: boundary IoU and boundary F-score of label maps, all classes in one pass over the pixels.

Boundary IoU (B. Cheng et al., "Boundary IoU", CVPR 2021) is the IoU of two inner bands: the pixels of a class that lie
within `distance` of a pixel of another class or of the picture's border. The published code erodes every class with a
3x3 square `distance` times; that is a square window, and a pixel survives it exactly when its whole window has its own
class. So one minimum and one maximum filter of the *label map* give the bands of all classes at once.

Boundary F-score (F. Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
CVPR 2016) is the harmonic mean of the parts of two one-pixel contours that lie within `distance` of each other.
Contours are dilated for all classes at once with one bit a class.

Counts are pooled over pictures as int64 and ratios are formed last. Pixels whose truth is ignored are counted nowhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdata import IGNORE_INDEX
from validation.errors import ValidationError

DISTANCE = 0.02
"""Default distance as a fraction of the picture's diagonal, the published one."""

_COLUMNS = 7
_WORD = 64


@dataclass(frozen=True, eq=False)
class BoundaryCounts:
    """Pixels of one picture or of many, int64 (C, 7): what boundary scores are formed of.

    Columns: band pixels that truth and answer share, of the truth, of the answer; contour pixels of the truth, those of
    them near the answer's contour, contour pixels of the answer, those of them near the truth's.
    """

    counts: NDArray[np.int64]

    @classmethod
    def zero(cls, classes: int) -> BoundaryCounts:
        """Of no pictures."""
        return cls(np.zeros((classes, _COLUMNS), dtype=np.int64))

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        return BoundaryCounts(self.counts + other.counts)

    @property
    def boundary_iou(self) -> tuple[float | None, ...]:
        """IoU of the bands, one a class; None where neither side has a band."""
        shared, truth, answer = self.counts[:, 0], self.counts[:, 1], self.counts[:, 2]
        return _ratios(shared, truth + answer - shared)

    @property
    def boundary_f1(self) -> tuple[float | None, ...]:
        """2PR / (P + R) of the contours, one a class; None where neither side has one, 0 where only one has."""
        truth, near_answer, answer, near_truth = (self.counts[:, column].astype(np.float64) for column in range(3, 7))
        # With P = near_truth / answer and R = near_answer / truth, fractions cleared.
        return _ratios(
            2 * near_truth * near_answer, near_truth * truth + near_answer * answer, empty=(truth + answer) == 0
        )


def boundary_counts(
    truth: NDArray[np.uint8], answer: NDArray[np.uint8], classes: int, distance: int | None = None
) -> BoundaryCounts:
    """Count one picture.

    Args:
        truth: uint8 (H, W), class ids and 255 where nobody knows.
        answer: uint8 (H, W), class ids.
        classes: C.
        distance: in pixels; 0.02 of the diagonal, at least 1, when None.

    Raises:
        ValidationError: shapes differ, or the distance is below 1.
    """
    if truth.shape != answer.shape or truth.ndim != 2:
        raise ValidationError(f"label maps of {truth.shape} and {answer.shape} cannot be compared; give equal sizes")
    reach = default_distance(truth.shape) if distance is None else distance
    if reach < 1:
        raise ValidationError(f"a boundary distance of {reach} pixels holds no boundary; give 1 or more")
    known = truth != IGNORE_INDEX
    bands = [(_mixed(labels, reach) & known) for labels in (truth, answer)]
    contours = [(_mixed(labels, 1) & known) for labels in (truth, answer)]
    near_answer, near_truth = _near(truth, contours[0], answer, contours[1], classes, reach)
    shared = bands[0] & bands[1] & (truth == answer)
    columns = (
        (truth, shared),
        (truth, bands[0]),
        (answer, bands[1]),
        (truth, contours[0]),
        (truth, near_answer),
        (answer, contours[1]),
        (answer, near_truth),
    )
    counted = [np.bincount(labels[chosen], minlength=classes)[:classes] for labels, chosen in columns]
    return BoundaryCounts(np.stack(counted, axis=1).astype(np.int64))


def default_distance(size: tuple[int, ...]) -> int:
    """0.02 of the diagonal of a (height, width) map, rounded, at least 1 pixel."""
    return max(1, round(DISTANCE * math.hypot(*size)))


def _mixed(labels: NDArray[np.uint8], reach: int) -> NDArray[np.bool_]:
    """Pixels with another class, or the outside of the picture, within `reach` rows and columns."""
    from scipy.ndimage import maximum_filter, minimum_filter

    side = 2 * reach + 1
    mixed = minimum_filter(labels, side, mode="nearest") != maximum_filter(labels, side, mode="nearest")
    mixed[:reach] = mixed[-reach:] = True
    mixed[:, :reach] = mixed[:, -reach:] = True
    found: NDArray[np.bool_] = mixed
    return found


def _near(
    truth: NDArray[np.uint8],
    truth_contour: NDArray[np.bool_],
    answer: NDArray[np.uint8],
    answer_contour: NDArray[np.bool_],
    classes: int,
    reach: int,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Contour pixels of the truth near the answer's contour of the same class, and the other way round."""
    near_answer, near_truth = np.zeros(truth.shape, np.bool_), np.zeros(truth.shape, np.bool_)
    for first in range(0, classes, _WORD):
        near_answer |= truth_contour & _has(_spread(_bits(answer, answer_contour, first), reach), truth, first)
        near_truth |= answer_contour & _has(_spread(_bits(truth, truth_contour, first), reach), answer, first)
    return near_answer, near_truth


def _bits(labels: NDArray[np.uint8], contour: NDArray[np.bool_], first: int) -> NDArray[np.uint64]:
    """A bit for the class of each contour pixel, if it is one of the 64 from `first`."""
    table = np.zeros(256, dtype=np.uint64)
    places = np.arange(min(_WORD, table.size - first), dtype=np.uint64)
    table[first : first + _WORD] = np.left_shift(np.uint64(1), places)
    bits: NDArray[np.uint64] = np.where(contour, table[labels], np.uint64(0))
    return bits


def _has(bits: NDArray[np.uint64], labels: NDArray[np.uint8], first: int) -> NDArray[np.bool_]:
    """Where the bit of a pixel's own class is set."""
    inside = (labels >= first) & (labels.astype(np.int64) < first + _WORD)
    place = np.where(inside, labels.astype(np.int64) - first, 0).astype(np.uint64)
    found: NDArray[np.bool_] = inside & ((bits >> place) & np.uint64(1)).astype(np.bool_)
    return found


def _spread(bits: NDArray[np.uint64], reach: int) -> NDArray[np.uint64]:
    """OR over the square window of `reach`, by doubling steps along rows and then columns."""
    for axis in (0, 1):
        padding = [(reach, reach) if axis == place else (0, 0) for place in (0, 1)]
        window, width, wanted = np.moveaxis(np.pad(bits, padding), axis, 0), 1, 2 * reach + 1
        while width < wanted:
            step = min(width, wanted - width)
            window = window[:-step] | window[step:]
            width += step
        bits = np.moveaxis(window, 0, axis)
    return bits


def _ratios(
    above: NDArray[np.generic], below: NDArray[np.generic], empty: NDArray[np.bool_] | None = None
) -> tuple[float | None, ...]:
    """above / below; None where there is nothing on either side, 0 where only the product is nothing."""
    nothing = below == 0 if empty is None else empty
    return tuple(
        None if none else float(a) / float(b) if b else 0.0
        for a, b, none in zip(above.tolist(), below.tolist(), nothing.tolist(), strict=True)
    )
