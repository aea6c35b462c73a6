"""One picture's answer counted against its mask, and many of them as a piece of a validation.

While a runtime computes, a second thread reads the next picture and counts the last answer, so that a validation takes
hardly longer than the inferences alone. The runner is only ever called from the thread that opened it, and pictures are
read one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from converters import MapOutput
from segdata import IGNORE_INDEX, Dataset, Sample
from validation.accuracy.boundary import boundary_counts
from validation.accuracy.confusion import confusion_matrix
from validation.accuracy.maps import LabelMaps
from validation.accuracy.margins import MarginCounts, margin_map
from validation.errors import ValidationError
from validation.runners.base.contract import Runner
from validation.runners.base.resizing import fit_mask, fit_picture
from validation.runners.base.values import label_map

ARRAYS = ("per_image", "flips", "boundary", "resized", "census", "labels", "margins", "lost_margins")
"""What a piece holds of its pictures, in the order of its fields."""

JudgedAt = Literal["network", "original"]
"""Whose pixels are counted: the answer's, or those of the picture's own mask."""


@dataclass(frozen=True)
class Task:
    """What to count of each picture.

    Attributes:
        references: label maps of the float reference for the whole dataset; None leaves flips out.
        keep_labels: whether answers are wanted as well.
        judge_at: see `JudgedAt`.
    """

    references: LabelMaps | None = None
    keep_labels: bool = False
    judge_at: JudgedAt = "network"


@dataclass(frozen=True, eq=False)
class Piece:
    """Some pictures, counted; first axis = picture. Small whatever the pictures' size, unless labels are kept.

    Attributes:
        ids: sample ids.
        per_image: uint32 (n, C, C), rows truth.
        flips: uint32 (n, C, C), pixels by (class in the float reference, class here); None without references.
        boundary: int64 (n, C, 7), see `BoundaryCounts`.
        resized: bool (n,), whether the mask was resized.
        labels: uint8 (n, h, w), the answers; None unless kept.
        margins: float16 (n, h, w), how sure the answers are, see `margin_map`; None unless kept, or if there are no
            logits.
        census: int64 (n, C + 1), pixels that were answered with each class, ignored ones included, and how many the
            mask ignores.
        lost_margins: int64 (n, 1 + BINS), the reference's margins at pixels whose class changed, see `MarginCounts`;
            None without margins of the reference.
    """

    ids: tuple[str, ...]
    per_image: NDArray[np.uint32]
    flips: NDArray[np.uint32] | None
    boundary: NDArray[np.int64]
    resized: NDArray[np.bool_]
    census: NDArray[np.int64]
    labels: NDArray[np.uint8] | None
    margins: NDArray[np.float16] | None = None
    lost_margins: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def joined(cls, parts: Sequence[Piece]) -> Piece:
        """Pieces one after the other; at least one."""

        def stacked(name: str) -> NDArray[np.generic] | None:
            arrays = [getattr(part, name) for part in parts]
            return None if arrays[0] is None else np.concatenate(arrays)

        return cls(tuple(name for part in parts for name in part.ids), *(stacked(name) for name in ARRAYS))  # type: ignore[arg-type]

    def first(self) -> Piece:
        """Its first picture alone."""

        def one(array: Any) -> Any:
            return None if array is None else array[:1]

        return Piece(self.ids[:1], *(one(getattr(self, name)) for name in ARRAYS))

    def equals(self, other: Piece) -> bool:
        """Whether both hold the same pictures with the same counts and answers."""

        def same(mine: NDArray[np.generic] | None, theirs: NDArray[np.generic] | None) -> bool:
            if mine is None or theirs is None:
                return mine is theirs
            return np.array_equal(mine, theirs)

        return self.ids == other.ids and all(same(getattr(self, name), getattr(other, name)) for name in ARRAYS)


@dataclass(frozen=True)
class _Shown:
    """A picture as the runner takes it, and what its answer is judged by."""

    index: int
    id: str
    picture: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    resized: bool


def counted(runner: Runner, dataset: Dataset, indices: Sequence[int], task: Task) -> Iterator[Piece]:
    """One piece a picture, in the order of `indices`.

    Args:
        runner: open.
        dataset: pictures with masks.
        indices: which of them.
        task: what to count.

    Raises:
        ValidationError: a mask does not fit its picture or holds unknown ids.
        RunnerError: the runtime failed.
        DataError: a picture cannot be read.
    """
    waiting: Future[Piece] | None = None
    helper = ThreadPoolExecutor(1, thread_name_prefix="validation")
    try:
        shown = helper.submit(_read, runner, dataset, indices[0], task) if indices else None
        for following in (*indices[1:], None):
            if shown is None:
                return
            item = shown.result()
            shown = None if following is None else helper.submit(_read, runner, dataset, following, task)
            answer = runner.predict(item.picture)
            if waiting is not None:
                yield waiting.result()
            waiting = helper.submit(_count, item, answer, runner.artifact.output, task)
        if waiting is not None:
            yield waiting.result()
    finally:
        helper.shutdown(cancel_futures=True)


def _read(runner: Runner, dataset: Dataset, index: int, task: Task) -> _Shown:
    sample = dataset[index]
    check_sample(sample)
    image, output = runner.artifact.image, runner.artifact.output
    picture, truth, size = (
        fit_picture(sample.image, image.height, image.width),
        sample.mask,
        (output.height, output.width),
    )
    if truth.shape == size or task.judge_at == "original":
        return _Shown(index, sample.id, picture, truth, resized=False)
    exact = dataset.mask_at(index, *size)
    return _Shown(index, sample.id, picture, fit_mask(truth, *size) if exact is None else exact, resized=exact is None)


def _count(
    item: _Shown,
    answer: NDArray[np.float32] | NDArray[np.uint8],
    output: MapOutput,
    task: Task,
) -> Piece:
    labels, classes = label_map(answer), output.classes
    expected, lead = _reference(item.index, task)
    judged = fit_mask(labels, *item.truth.shape) if task.judge_at == "original" else labels
    matrix = confusion_matrix(item.truth, judged, classes)
    flips = None if expected is None else confusion_matrix(expected, labels, classes, ignore=None)[np.newaxis]
    return Piece(
        ids=(item.id,),
        per_image=matrix[np.newaxis].astype(np.uint32),
        flips=None if flips is None else flips.astype(np.uint32),
        boundary=boundary_counts(item.truth, judged, classes).counts[np.newaxis],
        resized=np.array([item.resized]),
        census=_census(item.truth, judged, classes)[np.newaxis],
        labels=labels[np.newaxis] if task.keep_labels else None,
        margins=(
            margin_map(np.asarray(answer, np.float32), output.scores)[np.newaxis]
            if task.keep_labels and answer.ndim == 3
            else None
        ),
        lost_margins=None if expected is None or lead is None else _lost(lead, expected != labels),
    )


def _census(truth: NDArray[np.uint8], judged: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Answers by class, and how many pixels the mask ignores, int64 (C + 1,)."""
    answered = np.bincount(judged.ravel(), minlength=classes)[:classes]
    return np.append(answered, np.count_nonzero(truth == IGNORE_INDEX)).astype(np.int64)


def _reference(index: int, task: Task) -> tuple[NDArray[np.uint8] | None, NDArray[np.float16] | None]:
    """The reference's labels and margins; files are mapped for one picture at a time, so that none of the others is
    held."""
    if task.references is None:
        return None, None
    leads = task.references.open_margins()
    return np.array(task.references.open()[index]), None if leads is None else np.array(leads[index])


def _lost(lead: NDArray[np.float16], where: NDArray[np.bool_]) -> NDArray[np.int64]:
    found = MarginCounts.of(lead, where)
    return np.concatenate([[found.units], found.bins]).astype(np.int64)[np.newaxis]


def check_sample(sample: Sample) -> None:
    """Raise ValidationError if the mask does not lie on the picture pixel by pixel."""
    if sample.mask.shape != sample.image.shape[:2]:
        raise ValidationError(
            f"the mask of {sample.id} is {'x'.join(map(str, sample.mask.shape))} but its picture is "
            f"{'x'.join(map(str, sample.image.shape[:2]))}; make them equal"
        )
