"""Showing a dataset to a runner: one pass, a few pictures in memory at a time, in one process or in several.

Pictures are resized to the model's input (bilinear); masks are drawn at the size of the model's output by datasets that
can, and resized to it (nearest) for the others, so that every pixel of an answer is judged once, against the truth
under its centre, and an answer is never interpolated. The result says the size it was evaluated at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters import Artifact, OutputKind
from segdata import Dataset
from validation.accuracy.boundary import BoundaryCounts
from validation.accuracy.counting import JudgedAt, Piece, Task, counted
from validation.accuracy.maps import LabelMaps, margins_beside, writing_maps
from validation.accuracy.margins import MarginCounts
from validation.accuracy.pieces import PieceBook, PieceStore, piece_size
from validation.accuracy.result import AccuracyResult, smallest, spread
from validation.accuracy.workers import count_in_workers
from validation.errors import ValidationError
from validation.runners.base.contract import Runner

Progress = Callable[[int, int], None]
"""Called after every picture with (pictures done, pictures in all)."""


def evaluate(
    runner: Runner,
    dataset: Dataset,
    *,
    references: LabelMaps | None = None,
    limit: int | None = None,
    record: Path | None = None,
    progress: Progress | None = None,
    judge_at: JudgedAt = "network",
    workers: int = 1,
    store: PieceStore | None = None,
) -> AccuracyResult:
    """Show a dataset to a runner and count. The result does not depend on `workers` or `store`.

    Args:
        runner: open, unless there are several workers; its classes must be the dataset's.
        dataset: pictures with masks.
        references: label maps of the float reference for the whole dataset, for agreement and flips.
        limit: use at most this many pictures, spread evenly over the dataset; the runner's own `images_limit` holds
            too.
        record: where to write this runner's label maps (uint8 .npy, one row a picture of the dataset); only
            without a limit.
        progress: called after every picture.
        judge_at: ``"network"`` counts pixels of the answer, ``"original"`` those of the picture's own mask, to which
            the answer's label map is resized (nearest). Agreement and flips are always counted on the answer.
        workers: processes that count at the same time, each with a runner of its own; see `count_in_workers`.
        store: where to keep pieces, and to look for those of a validation that was killed.

    Raises:
        ValidationError: the dataset is empty, its classes are not the model's, a mask does not fit its picture, or
            the reference maps have another size.
        RunnerError: the runtime failed.
        DataError: a picture cannot be read.
    """
    artifact = runner.artifact
    output = artifact.output
    check_classes(artifact, dataset)
    chosen = spread(len(dataset), smallest(limit, runner.images_limit(runner.backend)))
    size = (output.height, output.width)
    if references is not None and references.shape != (len(dataset), *size):
        raise ValidationError(
            f"the reference maps are {references.shape} but {artifact.name} needs {(len(dataset), *size)}; "
            "convert all artifacts and the reference for one output size and validate again"
        )
    if record is not None and len(chosen) != len(dataset):
        raise ValidationError("label maps can only be recorded for a whole dataset; drop the limit or the recording")
    task = Task(references, record is not None, judge_at)
    total = _Total.empty(len(chosen), output.classes, flips=references is not None)
    with ExitStack() as stack:
        maps = stack.enter_context(writing_maps(record, (len(dataset), *size))) if record else None
        margins = None
        if record is not None and output.kind is OutputKind.LOGITS:
            beside = writing_maps(margins_beside(record), (len(dataset), *size), np.float16)
            margins = stack.enter_context(beside)
        elif record is not None:
            margins_beside(record).unlink(missing_ok=True)
        done = 0
        for start, piece in _pieces(runner, dataset, chosen, task, workers, store):
            total.add(start, piece)
            if maps is not None and piece.labels is not None:
                maps.write(chosen[start : start + len(piece)], piece.labels)
            if margins is not None and piece.margins is not None:
                margins.write(chosen[start : start + len(piece)], piece.margins)
            done += len(piece)
            if progress is not None:
                progress(done, len(chosen))
    return AccuracyResult(
        classes=artifact.classes,
        sample_ids=tuple(total.ids),
        indices=chosen,
        evaluated_at=size,
        masks_resized=total.resized,
        per_image=total.per_image,
        flips=total.flips,
        boundary=BoundaryCounts(total.boundary),
        judged_at=judge_at,
        margin_at_flips=total.lost_margins,
        census=total.census,
    )


@dataclass
class _Total:
    """What was counted so far; pieces may come in any order."""

    ids: list[str]
    per_image: NDArray[np.uint32]
    flips: NDArray[np.int64] | None
    boundary: NDArray[np.int64]
    census: NDArray[np.int64]
    resized: bool = False
    lost_margins: MarginCounts | None = None

    @classmethod
    def empty(cls, pictures: int, classes: int, *, flips: bool) -> _Total:
        square = (classes, classes)
        return cls(
            ids=[""] * pictures,
            per_image=np.zeros((pictures, *square), np.uint32),
            flips=np.zeros(square, np.int64) if flips else None,
            boundary=BoundaryCounts.zero(classes).counts,
            census=np.zeros(classes + 1, np.int64),
        )

    def add(self, start: int, piece: Piece) -> None:
        """Pictures `start`, `start` + 1, ..."""
        self.ids[start : start + len(piece)] = piece.ids
        self.per_image[start : start + len(piece)] = piece.per_image
        self.boundary += piece.boundary.sum(axis=0)
        if self.flips is not None and piece.flips is not None:
            self.flips += piece.flips.sum(axis=0, dtype=np.int64)
        self.census += piece.census.sum(axis=0)
        self.resized |= bool(piece.resized.any())
        if piece.lost_margins is not None:
            found = piece.lost_margins.sum(axis=0)
            self.lost_margins = (self.lost_margins or MarginCounts.zero()) + MarginCounts(int(found[0]), found[1:])


def _pieces(
    runner: Runner,
    dataset: Dataset,
    chosen: tuple[int, ...],
    task: Task,
    workers: int,
    store: PieceStore | None,
) -> Iterator[tuple[int, Piece]]:
    """(place of the first picture in `chosen`, piece): those that are on disk first, then the others as they are
    done."""
    size = piece_size(len(chosen))
    missing = {start: chosen[start : start + size] for start in range(0, len(chosen), size)}
    book = None if store is None else store.book(runner, dataset, chosen, size, task)
    if book is not None:
        for start, piece in _stored(book, runner, dataset, missing, task):
            del missing[start]
            yield start, piece
    if workers > 1:
        for start, piece in count_in_workers(
            runner, dataset, missing, task, workers, None if store is None else store.folder
        ):
            if book is not None:
                book.save(start, piece)
            yield start, piece
        return
    open_parts: list[Piece] = []
    places = [place for start, indices in missing.items() for place in range(start, start + len(indices))]
    for place, part in zip(places, counted(runner, dataset, [chosen[i] for i in places], task), strict=True):
        open_parts.append(part)
        start = place // size * size
        if book is not None and len(open_parts) == len(missing[start]):
            book.save(start, Piece.joined(open_parts))
        if len(open_parts) == len(missing[start]):
            open_parts.clear()
        yield place, part


def _stored(
    book: PieceBook, runner: Runner, dataset: Dataset, wanted: Mapping[int, tuple[int, ...]], task: Task
) -> Iterator[tuple[int, Piece]]:
    """Pieces on disk, unless the first picture of the first is counted otherwise now: then none, and all are
    deleted."""
    believed = False
    for start, indices in list(wanted.items()):
        piece = book.load(start)
        if piece is None or len(piece) != len(indices):
            continue
        if not believed:
            with ExitStack() as stack:
                if not runner.is_open:
                    stack.enter_context(runner)
                (again,) = counted(runner, dataset, indices[:1], task)
            if not again.equals(piece.first()):
                book.forget()
                return
            believed = True
        yield start, piece


def reference_maps(
    runner: Runner,
    dataset: Dataset,
    path: Path,
    progress: Progress | None = None,
    judge_at: JudgedAt = "network",
    *,
    workers: int = 1,
    store: PieceStore | None = None,
) -> tuple[LabelMaps, AccuracyResult]:
    """Run the float reference over a whole dataset once: its label maps on disk, and its own accuracy. See
    `evaluate`."""
    result = evaluate(runner, dataset, record=path, progress=progress, judge_at=judge_at, workers=workers, store=store)
    return LabelMaps.at(path), result


def check_classes(artifact: Artifact, dataset: Dataset) -> None:
    """Raise ValidationError unless mask ids of `dataset` mean what the artifact's classes mean."""
    names = dataset.labels.names
    if len(dataset) == 0:
        raise ValidationError(f"dataset {dataset.name!r} has no pictures in split {dataset.split!r}; give some")
    if len(names) != artifact.output.classes:
        raise ValidationError(
            f"{artifact.name} answers with {artifact.output.classes} classes but dataset {dataset.name!r} has "
            f"{len(names)}; use the label set the model was trained with"
        )
    if names != artifact.classes and set(names) == set(artifact.classes):
        raise ValidationError(
            f"{artifact.name} and dataset {dataset.name!r} have the same classes in another order; "
            "give the model's class names in the order of its channels"
        )
