"""Open the pictures of a run: those that judge, and the training pictures that fix integer ranges."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantization.calibration import CalibrationSet, Method, balanced_choice, random_choice
from quantization.calibration.choice import CANDIDATES
from toolkit.errors import UsageError
from toolkit.options import RunOptions
from validation.observing.ranges import observe_tensors
from validation.runners.base.resizing import fit_picture

if TYPE_CHECKING:
    from converters import ModelSource
    from segdata import Dataset, LabelSet, Sample

DRAWN = "synthetic-faces"
"""The dataset that is taken where none is named."""


def judging_set(options: RunOptions, source: ModelSource) -> Dataset:
    """Open the dataset that judges.

    Raises:
        DataError: it cannot be read.
        UsageError: it has no labels, or its classes are not the model's.
    """
    from segdata.photos import Photos

    if options.photos is not None:
        found: Dataset = _photos(options.photos, source, "test" if photos_calibrate(options, source) else None)
    else:
        opened = _open(options, options.split, options.images)
        if opened.split == Photos.split:
            raise UsageError(
                f"{options.dataset} holds photographs without labels, which can calibrate but not judge; judge by"
                " agreement with --photos FOLDER, or give --dataset with masks"
            )
        found = _in_order_of(source, opened, options)
    _check_channels(found[0], found, source)
    return found


def _check_channels(sample: Sample, dataset: Dataset, source: ModelSource) -> None:
    """Raise UsageError where a picture has not the channels that the network's artifacts take."""
    found = sample.image.shape[2]
    if found != source.channels:
        hint = " (--channel-order grey, rgba or bgra is for networks of one or four channels that take photographs)"
        raise UsageError(
            f"picture {sample.id} of {dataset.name} has {found} channels and {source.name} takes {source.channels};"
            f" give --channels as the pictures have them{hint if found == 3 else ''}, or other pictures"
        )


def _in_order_of(source: ModelSource, dataset: Dataset, options: RunOptions) -> Dataset:
    """The dataset with the ids of the model's classes: by name where they share names, else by number if the counts
    agree.

    Raises:
        UsageError: another number of classes, or names of which only some are the model's.
    """
    from segdata.labels import MAX_CLASSES, LabelSet

    names, classes = dataset.labels.names, source.classes
    if names == classes:
        return dataset
    if set(names) <= set(classes) and len(classes) <= MAX_CLASSES:
        wanted = LabelSet(source.name, classes, source.colours)
        return _open(options, dataset.split, options.images, wanted)
    shared = set(names) & set(classes)
    if shared and len(names) == len(classes):
        strange = next(name for name in names if name not in classes)
        raise UsageError(
            f"class {strange!r} of dataset {options.dataset!r} is none of the model's ({', '.join(classes)}), while"
            " others are; rename or ignore it in the dataset's labels.toml, or give --classes in the dataset's words"
        )
    if len(names) != len(classes):
        strange = next(name for name in names if name not in classes)
        hint = f" ({strange!r} is none of the model's)" if shared else ""
        raise UsageError(
            f"the model answers with {len(classes)} classes but dataset {options.dataset!r} has {len(names)}{hint};"
            " choose a dataset with the classes the model was trained on, or rename and ignore classes in its"
            " labels.toml"
        )
    return dataset


def _photos(folder: Path, source: ModelSource, part: Literal["train", "test"] | None) -> Dataset:
    from segdata.labels import LabelSet
    from segdata.photos import Photos

    return Photos(folder, LabelSet(source.name, source.classes, source.colours), part)


def photos_calibrate(options: RunOptions, source: ModelSource) -> bool:
    """Return True if photographs fix integer ranges: with --photos, no dataset named, and a network that was not made
    for drawn faces."""
    return options.photos is not None and _draws_faces(options) and not _knows_drawn_faces(options, source)


def calibration_note(options: RunOptions, source: ModelSource) -> str:
    """Say what fixes integer ranges where that may surprise; empty where it is the dataset that was named."""
    if photos_calibrate(options, source):
        return f"integer ranges are fixed on every fifth photograph of {options.photos}, and the others judge"
    if not _draws_faces(options) or (options.photos is None and _knows_drawn_faces(options, source)):
        return ""
    return (
        f"integer ranges are fixed on drawn faces ({options.dataset}), no photographs; --dataset folder:PATH takes"
        " pictures like those of the app, with masks or without"
    )


def _draws_faces(options: RunOptions) -> bool:
    return options.dataset.partition(":")[0] == DRAWN


def _knows_drawn_faces(options: RunOptions, source: ModelSource) -> bool:
    """Return True for a network that answers with the classes of the drawn faces."""
    return _open(options, "train", 1).labels.names == source.classes


def calibration_set(
    options: RunOptions, source: ModelSource, on_picture: Callable[[], None], store: Path | None = None
) -> CalibrationSet:
    """Read training pictures at the model's input size; `on_picture` is called after each, statistics go to `store`.

    Raises:
        DataError, RecipeError: no train split, or pictures that cannot calibrate anything.
    """
    from segdata.photos import Photos

    photographs = options.photos if photos_calibrate(options, source) else None
    dataset = _open(options, "train", None) if photographs is None else _photos(photographs, source, "train")
    if isinstance(dataset, Photos) and options.calibration_choice != "random":
        raise UsageError(
            "photographs without labels show no classes to choose by; leave --calibration-choice"
            f" {options.calibration_choice} out"
        )
    chosen = _chosen(options, dataset, len(source.classes))
    images = np.empty((len(chosen), *source.input_size, source.channels), dtype=np.uint8)
    ids = []
    for place, index in enumerate(chosen):
        sample = dataset[index]
        _check_channels(sample, dataset, source)
        images[place] = fit_picture(sample.image, *source.input_size)
        ids.append(sample.id)
        on_picture()
    return CalibrationSet(
        images=images,
        ids=tuple(ids),
        origin=f"{options.dataset if photographs is None else dataset.name} train, {options.calibration_choice} choice",
        observer=partial(observe_tensors, pixel_maximum=source.pixel_range.scale),
        method=Method(options.calibration_method) if options.calibration_method else None,
        store=store,
    )


def _chosen(options: RunOptions, dataset: Dataset, classes: int) -> list[int]:
    """Choose the numbers of the training pictures that calibrate."""
    wanted = options.calibration_images
    if options.calibration_choice == "random":
        return random_choice(len(dataset), wanted)
    candidates = random_choice(len(dataset), CANDIDATES * wanted)
    shown = [np.bincount(dataset[index].mask.ravel(), minlength=256)[:classes] for index in candidates]
    return [candidates[place] for place in balanced_choice(np.stack(shown), wanted)]


def _open(options: RunOptions, split: str, limit: int | None, labels: LabelSet | None = None) -> Dataset:
    from segdata.registry import open_dataset

    # Drawn datasets draw at this size; datasets on disk keep their own and are fitted when shown.
    return open_dataset(options.dataset, split=split, labels=labels, size=max(options.input_size), limit=limit)
