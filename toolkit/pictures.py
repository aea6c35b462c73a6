"""The pictures of a run: those that judge, and the training pictures that fix integer ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.config import RunOptions
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from converters import ModelSource
    from quantization.calibration import CalibrationSet
    from segdata import Dataset


def judging_set(options: RunOptions, source: ModelSource) -> Dataset:
    """The dataset that judges; raises DataError if it cannot be read and UsageError if its classes are not the model's."""
    if options.photos is not None:
        return _photos(options.photos, source)
    dataset = _open(options, options.split, options.images)
    names = dataset.labels.names
    if len(names) != len(source.classes):
        raise UsageError(
            f"the model answers with {len(source.classes)} classes but dataset {options.dataset!r} has {len(names)}; "
            "choose a dataset with the classes the model was trained on"
        )
    return dataset


def _photos(folder: Path, source: ModelSource) -> Dataset:
    from segdata.labels import LabelSet
    from segdata.photos import Photos

    return Photos(folder, LabelSet(source.name, source.classes, source.colours))


def calibration_set(
    options: RunOptions, source: ModelSource, on_picture: Callable[[], None], store: Path | None = None
) -> CalibrationSet:
    """Training pictures at the model's input size; `on_picture` is called after each, statistics go to `store`.

    Raises:
        DataError, RecipeError: no train split, or pictures that cannot calibrate anything.
    """
    from quantization.calibration import CalibrationSet, Method
    from validation.pictures import fit_picture
    from validation.ranges import observe_tensors

    dataset = _open(options, "train", None)
    chosen = _chosen(options, dataset, len(source.classes))
    images = np.empty((len(chosen), *source.input_size, 3), dtype=np.uint8)
    ids = []
    for place, index in enumerate(chosen):
        sample = dataset[index]
        images[place] = fit_picture(sample.image, *source.input_size)
        ids.append(sample.id)
        on_picture()
    return CalibrationSet(
        images=images,
        ids=tuple(ids),
        origin=f"{options.dataset} train, {options.calibration_choice} choice",
        observer=observe_tensors,
        method=Method(options.calibration_method) if options.calibration_method else None,
        store=store,
    )


def _chosen(options: RunOptions, dataset: Dataset, classes: int) -> list[int]:
    """Numbers of the training pictures that calibrate."""
    from quantization.calibration import balanced_choice, random_choice
    from quantization.calibration.choice import CANDIDATES

    wanted = options.calibration_images
    if options.calibration_choice == "random":
        return random_choice(len(dataset), wanted)
    candidates = random_choice(len(dataset), CANDIDATES * wanted)
    shown = [np.bincount(dataset[index].mask.ravel(), minlength=256)[:classes] for index in candidates]
    return [candidates[place] for place in balanced_choice(np.stack(shown), wanted)]


def _open(options: RunOptions, split: str, limit: int | None) -> Dataset:
    from segdata.registry import open_dataset

    # Drawn datasets draw at this size; datasets on disk keep their own and are fitted when shown.
    return open_dataset(options.dataset, split=split, size=max(options.input_size), limit=limit)
