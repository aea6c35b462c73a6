"""Accuracy of one runner over a dataset: one pass, one picture in memory at a time.

Pictures are resized to the model's input (bilinear); masks are drawn at the size of the model's output by datasets that
can, and resized to it (nearest) for the others, so that every pixel of an answer is judged once, against the truth under
its centre, and an answer is never interpolated. The result says the size it was evaluated at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from converters import Artifact
from segdata import Dataset, Sample
from segdata.groups import OVERALL, places_of
from validation.boundary import BoundaryCounts, boundary_counts
from validation.confusion import (
    Scores,
    confusion_matrix,
    iou_values,
    mean_over_present,
    optional,
    pooled_f1,
    scores,
)
from validation.errors import ValidationError
from validation.maps import LabelMaps, writing_maps
from validation.pictures import fit_mask, fit_picture
from validation.runner import Runner, label_map

JudgedAt = Literal["network", "original"]
"""Whose pixels are counted: the answer's, or those of the picture's own mask."""

Progress = Callable[[int, int], None]
"""Called after every picture with (pictures done, pictures in all)."""


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


def evaluate(
    runner: Runner,
    dataset: Dataset,
    *,
    references: LabelMaps | None = None,
    limit: int | None = None,
    record: Path | None = None,
    progress: Progress | None = None,
    judge_at: JudgedAt = "network",
) -> AccuracyResult:
    """Show a dataset to an open runner and count.

    Args:
        runner: open; its classes must be the dataset's.
        dataset: pictures with masks.
        references: label maps of the float reference for the whole dataset, for agreement and flips.
        limit: use at most this many pictures, spread evenly over the dataset; the runner's own `images_limit` holds
            too.
        record: where to write this runner's label maps (uint8 .npy, one row a picture of the dataset); only
            without a limit.
        progress: called after every picture.
        judge_at: ``"network"`` counts pixels of the answer, ``"original"`` those of the picture's own mask, to which
            the answer's label map is resized (nearest). Agreement and flips are always counted on the answer.

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
    per_image = np.zeros((len(chosen), output.classes, output.classes), dtype=np.uint32)
    flips = np.zeros((output.classes, output.classes), dtype=np.int64) if references else None
    boundary = BoundaryCounts.zero(output.classes)
    resized, ids = False, []
    with ExitStack() as stack:
        reference_rows = references.open() if references else None
        recorded = stack.enter_context(writing_maps(record, (len(dataset), *size))) if record else None
        for row, index in enumerate(chosen):
            sample = dataset[index]
            check_sample(sample)
            labels = label_map(runner.predict(fit_picture(sample.image, artifact.image.height, artifact.image.width)))
            fits = sample.mask.shape == size or judge_at == "original"
            exact = None if fits else dataset.mask_at(index, *size)
            truth, judged = sample.mask, labels
            if judge_at == "original":
                judged = fit_mask(labels, *truth.shape)
            elif not fits:
                truth = fit_mask(truth, *size) if exact is None else exact
            per_image[row] = confusion_matrix(truth, judged, output.classes)
            boundary += boundary_counts(truth, judged, output.classes)
            if flips is not None and reference_rows is not None:
                flips += confusion_matrix(reference_rows[index], labels, output.classes, ignore=None)
            if recorded is not None:
                recorded[index] = labels
            resized |= exact is None and not fits
            ids.append(sample.id)
            if progress is not None:
                progress(row + 1, len(chosen))
    return AccuracyResult(artifact.classes, tuple(ids), chosen, size, resized, per_image, flips, boundary, judge_at)


def reference_maps(
    runner: Runner, dataset: Dataset, path: Path, progress: Progress | None = None, judge_at: JudgedAt = "network"
) -> tuple[LabelMaps, AccuracyResult]:
    """Run the float reference over a whole dataset once: its label maps on disk, and its own accuracy."""
    result = evaluate(runner, dataset, record=path, progress=progress, judge_at=judge_at)
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


def check_sample(sample: Sample) -> None:
    """Raise ValidationError if the mask does not lie on the picture pixel by pixel."""
    if sample.mask.shape != sample.image.shape[:2]:
        raise ValidationError(
            f"the mask of {sample.id} is {'x'.join(map(str, sample.mask.shape))} but its picture is "
            f"{'x'.join(map(str, sample.image.shape[:2]))}; make them equal"
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
