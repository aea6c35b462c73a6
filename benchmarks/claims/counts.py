"""Pixel counts of every picture, kept on disk: a table that was interrupted goes on, and a new network costs itself."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fpliif.checkpoint import replace_file
from fpliif.training.pool import Pool, open_pool

if TYPE_CHECKING:
    from segdata.faces.synthetic import SyntheticFaces
    from validation.runners.base.contract import Runner

WORK = Path("runs/claims")


def held_out(images: int, side: int) -> SyntheticFaces:
    """Draw the first `images` faces of the test split, which trained and chose nothing."""
    from segdata.faces.synthetic import SyntheticFaces

    return SyntheticFaces("test", size=side, length=images)


def held_out_pool(images: int, side: int, work: Path) -> Pool:
    """Draw the same faces once and keep them."""
    return open_pool(held_out(images, side), work / f"pool-test-{images}-{side}")


def cached(work: Path, name: str, decided: Any, make: Callable[[], NDArray[np.int64]]) -> NDArray[np.int64]:
    """Reuse an earlier run's array if everything `decided` (plain JSON) is equal, else make it now and keep it."""
    key = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:16]
    path = work / "counts" / f"{name}-{key}.npy"
    if path.is_file():
        found: NDArray[np.int64] = np.load(path, allow_pickle=False)
        return found
    made = make()
    stream = io.BytesIO()
    np.save(stream, made)
    replace_file(path, stream.getvalue())
    return made


def runner_counts(runner: Runner, pool: Pool) -> NDArray[np.int64]:
    """Confusion matrix of each picture, int64 (N, C, C), rows truth; opens and closes the runner."""
    from validation.accuracy.confusion import confusion_matrix
    from validation.runners.base.values import label_map

    classes = runner.artifact.output.classes
    with runner:
        return np.stack(
            [
                confusion_matrix(np.asarray(mask), label_map(runner.predict(np.asarray(image))), classes)
                for image, mask in zip(pool.images, pool.masks, strict=True)
            ]
        )


def summary(counts: NDArray[np.int64], reference: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """Return mIoU and mean F1 of pooled counts and, beside a reference, the difference in mIoU with its 95 %
    interval."""
    from validation.accuracy.confusion import scores
    from validation.verdict.bootstrap import delta_miou_ci95

    pooled = scores(counts.sum(axis=0))
    found: dict[str, Any] = {"miou": _rounded(pooled.miou), "mean_f1": _rounded(pooled.mean_f1)}
    if reference is not None:
        other = scores(reference.sum(axis=0))
        assert pooled.miou is not None and other.miou is not None
        interval = delta_miou_ci95(counts, reference)
        found["delta_miou"] = _rounded(pooled.miou - other.miou)
        found["delta_miou_ci95"] = None if interval is None else [_rounded(end) for end in interval]
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
