"""One FP-LIIF answering at several sizes, against resizing its 256 x 256 answer, on masks drawn at each size.

Three ways to a map of another size from one picture of 256 x 256: ask the network at that size; resize its logits
(bilinear, half-pixel centres, no antialiasing) and take the argmax; resize its labels (the label under each centre).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.claims.counts import cached, held_out, held_out_pool, summary
from benchmarks.claims.models import FIRST, LABELS, SIDE, weight_paths
from fpliif.checkpoint import load_checkpoint
from fpliif.deploy import deploy
from fpliif.network import FPLIIF

SIZES = (64, 128, 256, 512)
WAYS = ("network", "logits", "labels")


def measure_sizes(images: int, work: Path, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """Measure the part of the page on output sizes; `tell` hears (pictures done, pictures in all)."""
    checkpoint = load_checkpoint(weight_paths()[FIRST], labels=LABELS)
    faces = held_out(images, SIDE)
    decided = [checkpoint.sha256, faces.digest(), SIZES]
    counts = cached(work, "sizes", decided, lambda: size_counts(checkpoint.network, images, work, tell))
    rows = []
    for place, size in enumerate(SIZES):
        own, *others = (counts[:, place, way] for way in range(len(WAYS)))
        ways = {"network": summary(own)}
        for name, other in zip(WAYS[1:], others, strict=True):
            # The interval is of the network's own answer minus the resized one.
            ways[name] = summary(other) | {
                key: value for key, value in summary(own, other).items() if key.startswith("delta")
            }
        rows.append({"size": size, **ways})
    return {"weights_sha256": checkpoint.sha256, "images": images, "data": faces.digest(), "rows": rows}


def size_counts(
    network: FPLIIF, images: int, work: Path, tell: Callable[[int, int], None], sizes: Sequence[int] = SIZES
) -> NDArray[np.int64]:
    """Confusion matrices, int64 (pictures, sizes, ways, C, C); pictures and drawn masks as `held_out` has them."""
    pool, faces, classes = held_out_pool(images, SIDE, work), held_out(images, SIDE), len(LABELS)
    encoder, heads = shared_encoder(network, (*sizes, SIDE))
    counts = np.zeros((images, len(sizes), len(WAYS), classes, classes), dtype=np.int64)
    for index in range(images):
        masks = faces.masks_at(index, sizes)
        picture = torch.from_numpy(np.array(pool.images[index])).permute(2, 0, 1)[None].float() / 255.0
        with torch.inference_mode():
            grid = encoder(picture)
            native = heads[SIDE](grid)
            for place, size in enumerate(sizes):
                answers = three_ways(heads[size](grid), native)
                counts[index, place] = [_matrix(masks[size], answer, classes) for answer in answers]
        tell(index + 1, images)
    return counts


def shared_encoder(network: FPLIIF, sizes: Sequence[int]) -> tuple[nn.Module, dict[int, nn.Module]]:
    """Build the deployed encoder once, and what follows it for each output size."""
    heads = {size: deploy(network, size, SIDE) for size in sizes}
    encoder = heads[sizes[0]].encoder
    for head in heads.values():
        head.encoder = nn.Sequential()
    return encoder, dict(heads)


def three_ways(own: Tensor, native: Tensor) -> list[NDArray[np.uint8]]:
    """Return uint8 label maps of the size of `own`: its own, by resized logits of `native`, by resized labels of it."""
    from validation.runners.base.resizing import fit_mask

    size = (int(own.shape[2]), int(own.shape[3]))
    logits = nn.functional.interpolate(native, size=size, mode="bilinear", align_corners=False)
    return [_labels(own), _labels(logits), fit_mask(_labels(native), *size)]


def _labels(logits: Tensor) -> NDArray[np.uint8]:
    labels: NDArray[np.uint8] = logits[0].argmax(0).numpy().astype(np.uint8)
    return labels


def _matrix(truth: NDArray[np.uint8], answer: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    from validation.accuracy.confusion import confusion_matrix

    return confusion_matrix(truth, answer, classes)
