"""Pack judging pictures with their labels and the float reference's answers, for a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters import ModelSource
from segdata import Sample
from toolkit.models import load_source
from toolkit.report.content.example_images import png
from toolkit.stages.context import Context
from toolkit.stages.reference import reference_runner
from validation.accuracy.confusion import confusion_matrix
from validation.runners.base.resizing import fit_mask, fit_picture
from validation.runners.base.values import label_map

Size = tuple[int, int]
"""(height, width) of an answer."""


@dataclass(frozen=True)
class PackedPicture:
    """One picture of a bundle.

    Attributes:
        entry: in bundle.json.
        files: PNG files by their place in the bundle.
    """

    entry: dict[str, Any]
    files: dict[str, bytes]


def packed_pictures(context: Context, chosen: Sequence[int]) -> list[PackedPicture]:
    """Pack the chosen pictures of the dataset at the artifacts' input size, with labels and answers at each of
    their output sizes.
    """
    sizes = sorted({(item.output.height, item.output.width) for item in context.artifacts})
    answers = {size: _reference_answers(context, _at(context, size), chosen) for size in sizes}
    image, dataset, packed = context.artifacts[0].image, context.dataset, []
    for number, index in enumerate(chosen):
        sample, folder = dataset[index], f"pictures/{number:04d}"
        files = {f"{folder}/picture.png": png(fit_picture(sample.image, image.height, image.width))}
        maps = {}
        for size in sizes:
            entry, drawn = _maps(sample, answers[size][number], folder, len(dataset.labels.names))
            maps[_words(size)] = entry
            files |= drawn
        described = {"id": sample.id, "index": index, "picture": f"{folder}/picture.png", "maps": maps}
        packed.append(PackedPicture(described, files))
    return packed


def _words(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _at(context: Context, size: Size) -> ModelSource:
    """Give the network at one output size."""
    if context.source.output_size == size:
        return context.source
    return load_source(context.options.model_copy(update={"output_size": size}))


def _maps(
    sample: Sample, reference: NDArray[np.uint8], folder: str, classes: int
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Draw labels and float reference of one picture at the size of `reference`.

    Gives the entry in bundle.json, and the files.
    """
    height, width = reference.shape
    truth = fit_mask(sample.mask, height, width)
    labels = f"{folder}/labels-{_words((height, width))}.png"
    answer = f"{folder}/reference-{_words((height, width))}.png"
    counts = confusion_matrix(truth, reference, classes).tolist()
    entry = {"labels": labels, "reference": answer, "reference_confusion": counts}
    return entry, {labels: png(truth), answer: png(reference)}


def _reference_answers(context: Context, source: ModelSource, chosen: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Ask the float reference for its class maps at the source's output size, uint8 (h, w) each."""
    runner = reference_runner(source, context.options)
    image, found = runner.artifact.image, []
    with context.progress.stage(f"float reference in {runner.name}", len(chosen)) as stage, runner:
        for index in chosen:
            picture = fit_picture(context.dataset[index].image, image.height, image.width)
            found.append(label_map(runner.predict(picture)))
            stage.advance()
    return found
