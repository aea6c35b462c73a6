"""Confusion matrices and what follows from them. Counts are added up as int64; ratios are formed last.

Definitions, per class c of a matrix M with truth in rows and prediction in columns, TP = M[c, c], GT = row sum,
Pred = column sum (Everingham et al., "The Pascal Visual Object Classes Challenge", 2010, for IoU):

    IoU = TP / (GT + Pred - TP)        F1 = 2 TP / (GT + Pred)        precision = TP / Pred        recall = TP / GT

A ratio whose denominator is 0 does not exist and is None: never 0, never 1, and it is left out of means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segdata import IGNORE_INDEX
from validation.errors import ValidationError


@dataclass(frozen=True)
class Scores:
    """Ratios of one confusion matrix, as fractions 0..1; position = class id; None where a ratio does not exist.

    Attributes:
        iou, f1, precision, recall: one value per class.
        miou: mean IoU over the classes that have one, background (class 0) included.
        mean_f1: mean F1 over the foreground classes that have one; class 0, the background, is left out.
        pixel_accuracy: correct pixels over all pixels that are not ignored.
    """

    iou: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    miou: float | None
    mean_f1: float | None
    pixel_accuracy: float | None


def of_one_answer(confusion: NDArray[np.int64]) -> tuple[int, float] | None:
    """What an answer of the most frequent class at every pixel would score: that class, and its mean IoU; None without
    labels.

    Its IoU is its share of the pixels, and that of every other class that occurs is 0.
    """
    pixels = confusion.sum(axis=1)
    if not pixels.any():
        return None
    most = int(pixels.argmax())
    return most, float(pixels[most] / pixels.sum() / np.count_nonzero(pixels))


def confusion_matrix(
    truth: NDArray[Any], predicted: NDArray[Any], classes: int, ignore: int | None = IGNORE_INDEX
) -> NDArray[np.int64]:
    """Count pixels by (true class, predicted class).

    Args:
        truth: integer class ids of any shape; pixels equal to `ignore` count for nothing.
        predicted: integer class ids, same shape, every one below `classes` (ignored pixels included).
        classes: number of classes C.
        ignore: the id that is left out; None counts every pixel.

    Returns:
        int64 (C, C), rows truth, columns prediction.

    Raises:
        ValidationError: shapes differ, ids are not integers, or an id lies outside 0..C-1.
    """
    if truth.shape != predicted.shape:
        raise ValidationError(f"mask of shape {truth.shape} against an answer of {predicted.shape}; make them equal")
    _check_ids(predicted, classes, "answer", None)
    _check_ids(truth, classes, "mask", ignore)
    cells = truth.reshape(-1).astype(np.intp) * classes + predicted.reshape(-1)
    if ignore is not None:
        cells = cells[truth.reshape(-1) != ignore]
    counts: NDArray[np.int64] = np.bincount(cells, minlength=classes * classes).astype(np.int64)
    return counts.reshape(classes, classes)


def _check_ids(ids: NDArray[Any], classes: int, what: str, ignore: int | None) -> None:
    if ids.dtype.kind not in "iu":
        raise ValidationError(f"the {what} holds {ids.dtype} values; give integer class ids")
    if ids.size == 0 or (int(ids.max()) < classes and int(ids.min()) >= 0):
        return
    outside = np.unique(ids[(ids >= classes) | (ids < 0)])
    for found in outside.tolist():
        if found != ignore:
            raise ValidationError(
                f"the {what} holds class id {found}, but there are {classes} classes (0 to {classes - 1}"
                f"{'' if ignore is None else f', {ignore} is ignored'}); use the label set the model was trained with"
            )


def iou_values(counts: NDArray[Any]) -> NDArray[np.float64]:
    """IoU per class for one matrix or a stack of them: (..., C, C) -> float64 (..., C), NaN for an empty union."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    union = counts.sum(axis=-1, dtype=np.int64) + counts.sum(axis=-2, dtype=np.int64) - hits
    return ratio(hits, union)


def ratio(over: NDArray[Any], under: NDArray[Any]) -> NDArray[np.float64]:
    """over / under as float64, NaN wherever `under` is 0."""
    result = np.full(np.broadcast_shapes(over.shape, under.shape), np.nan)
    np.divide(over, under, out=result, where=under != 0)
    return result


def mean_over_present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what is not NaN; NaN where nothing is left."""
    present = ~np.isnan(values)
    return ratio(np.where(present, values, 0.0).sum(axis=-1), present.sum(axis=-1))


def scores(counts: NDArray[Any]) -> Scores:
    """All ratios of one (C, C) matrix of counts."""
    hits = np.diagonal(counts).astype(np.float64)
    truth = counts.sum(axis=1, dtype=np.int64)
    predicted = counts.sum(axis=0, dtype=np.int64)
    iou, f1 = iou_values(counts), ratio(2 * hits, truth + predicted)
    return Scores(
        iou=optional(iou),
        f1=optional(f1),
        precision=optional(ratio(hits, predicted)),
        recall=optional(ratio(hits, truth)),
        miou=optional(mean_over_present(iou)[np.newaxis])[0],
        mean_f1=optional(mean_over_present(f1[1:])[np.newaxis])[0],
        pixel_accuracy=optional(ratio(hits.sum()[np.newaxis], truth.sum()[np.newaxis]))[0],
    )


def pooled_f1(counts: NDArray[Any], places: Sequence[int]) -> float | None:
    """F1 of several classes pooled: 2 sum(TP) / (sum(GT) + sum(Pred)) over `places`; None where all are empty.

    A pixel of one of these classes taken for another of them is an error.

    Args:
        counts: (C, C), rows truth.
        places: class ids.
    """
    chosen = list(places)
    hits = counts.diagonal()[chosen].sum(dtype=np.int64)
    total = counts.sum(axis=1, dtype=np.int64)[chosen].sum() + counts.sum(axis=0, dtype=np.int64)[chosen].sum()
    return float(2 * hits / total) if total else None


def optional(values: NDArray[np.float64]) -> tuple[float | None, ...]:
    """Python floats, None for NaN."""
    return tuple(None if np.isnan(value) else float(value) for value in values)


class ConfusionMatrix:
    """Adds up pixel counts over pictures.

    Example:
        >>> matrix = ConfusionMatrix(classes=2)
        >>> matrix.update(np.array([[0, 1]]), np.array([[0, 0]]))
        >>> matrix.scores().iou
        (0.5, 0.0)
    """

    def __init__(self, classes: int, ignore: int | None = IGNORE_INDEX) -> None:
        """Start empty; raises ValidationError if `classes` is below 1."""
        if classes < 1:
            raise ValidationError(f"a confusion matrix of {classes} classes makes no sense; give 1 or more")
        self.classes = classes
        self.ignore = ignore
        self.counts: NDArray[np.int64] = np.zeros((classes, classes), dtype=np.int64)

    def update(self, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
        """Count one picture; see `confusion_matrix` for arguments and errors."""
        self.counts += confusion_matrix(truth, predicted, self.classes, self.ignore)

    def __add__(self, other: Self) -> ConfusionMatrix:
        """Matrices of disjoint sets of pictures add up; raises ValidationError if class count or ignore id differ."""
        if (self.classes, self.ignore) != (other.classes, other.ignore):
            raise ValidationError("only confusion matrices of equal classes and equal ignore id can be added")
        total = ConfusionMatrix(self.classes, self.ignore)
        total.counts = self.counts + other.counts
        return total

    def scores(self) -> Scores:
        """All ratios of what was counted so far."""
        return scores(self.counts)
