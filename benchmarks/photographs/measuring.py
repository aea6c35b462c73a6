"""Count pixels of checkpoints on photographs: the float network, and artifacts in the runtimes that run them here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import toolkit
from benchmarks.photographs.merging import CLASSES, merge_table, squared
from converters import Artifact
from fpliif import load_checkpoint, shipped
from segdata import Dataset, open_dataset
from segdata.errors import DataError
from segdata.labels import IGNORE_INDEX
from toolkit.progress import Progress
from toolkit.run_folder.folder import RunFolder
from validation import ConfusionMatrix, label_map
from validation.runners import runners
from validation.runners.base.resizing import fit_mask, fit_picture

SIDE = 256
ARTIFACTS = {"tflite-int8_static": "litert", "coreml-int8_weights": "milrun"}
"""What phones get, and the runtime that runs it here."""
Answers = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""From a uint8 RGB picture (SIDE, SIDE, 3) to class ids (SIDE, SIDE)."""


def opened(root: Path) -> list[Dataset]:
    """Open all photographs of a folder, whatever split the reader deals them to.

    Raises:
        DataError: it is no folder of pictures and masks, or its classes are others than CLASSES.
    """
    parts = [open_dataset(f"folder:{root}", split=split) for split in ("train", "test")]
    unknown = set(parts[0].labels.names) - set(CLASSES)
    if unknown:
        raise DataError(f"{root} has the class {sorted(unknown)[0]!r}; the comparison knows: {', '.join(CLASSES)}")
    return parts


def mean_f1(answers: Answers, table: NDArray[np.uint8], photographs: Sequence[Dataset]) -> dict[str, Any]:
    """Return `mean_f1` over the foreground and `f1` by class, from one matrix over all pixels of all photographs."""
    counts = ConfusionMatrix(len(CLASSES))
    for part in photographs:
        order = np.array([CLASSES.index(name) for name in part.labels.names], dtype=np.uint8)
        for number in range(len(part)):
            sample = part[number]
            image, mask = squared(sample.image, sample.mask)
            truth = fit_mask(mask, SIDE, SIDE)
            truth = np.where(truth == IGNORE_INDEX, truth, order[np.minimum(truth, len(order) - 1)])
            counts.update(truth, table[answers(fit_picture(image, SIDE, SIDE))])
    found = counts.scores()
    return {"mean_f1": found.mean_f1, "f1": dict(zip(CLASSES, found.f1, strict=True))}


def float_answers(name: str) -> tuple[Answers, NDArray[np.uint8]]:
    """Return what a shipped checkpoint answers in torch, in float32, and its merge table."""
    import torch

    from fpliif.deploy import deploy

    path = Path(name)
    checkpoint = load_checkpoint(path if path.suffix == ".safetensors" else shipped(name))
    network = deploy(checkpoint.network, (SIDE, SIDE), (SIDE, SIDE))

    def answers(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255.0
        with torch.inference_mode():
            labels: NDArray[np.uint8] = network(pixels)[0].argmax(0).to(torch.uint8).numpy()
        return labels

    return answers, merge_table(checkpoint.labels.names)


def converted(name: str, out: Path, progress: Progress) -> dict[str, Artifact]:
    """Convert a checkpoint to the artifacts of ARTIFACTS, calibrated on drawn faces, and return them by name."""
    options = toolkit.RunOptions(
        model=name, formats=("tflite", "coreml"), recipes=("int8_static", "int8_weights"), out=out
    )
    toolkit.convert(options, progress)
    return {artifact.name: artifact for artifact in RunFolder(out).known_artifacts().values()}


@contextmanager
def artifact_answers(artifact: Artifact) -> Iterator[Answers]:
    """Open an artifact in its runtime and give what it answers."""
    kind = runners()[ARTIFACTS[artifact.name]]
    with kind(artifact, kind.backends[0], 1) as runner:
        yield lambda picture: label_map(runner.predict(picture))
