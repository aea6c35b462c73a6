"""Measure how good a network is: IoU and F1 of each class from one confusion matrix over all pixels of all pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fpliif.training.pool import Pool
from segdata.labels import IGNORE_INDEX, LabelSet


@dataclass(frozen=True)
class Scores:
    """Hold the accuracy of a network on a set of pictures.

    Attributes:
        names: class names, by id.
        confusion: int64 (classes, classes); row = truth, column = answer.
    """

    names: tuple[str, ...]
    confusion: NDArray[np.int64]

    @property
    def iou(self) -> dict[str, float | None]:
        """Return intersection over union by class name; None where neither truth nor answer has a pixel."""
        hit, truth, answer = self._counts()
        return self._ratio(hit, truth + answer - hit)

    @property
    def f1(self) -> dict[str, float | None]:
        """Return 2 TP / (truth + answer) by class name; None where both are empty."""
        hit, truth, answer = self._counts()
        return self._ratio(2 * hit, truth + answer)

    @property
    def miou(self) -> float:
        """Return the mean IoU over all classes that occur, background included."""
        return float(np.mean([value for value in self.iou.values() if value is not None]))

    @property
    def mean_f1(self) -> float:
        """Return the mean F1 over the classes that occur, without class 0 (background)."""
        return float(np.mean([self.f1[name] for name in self.names[1:] if self.f1[name] is not None]))

    def to_json(self) -> dict[str, Any]:
        """Round to six digits, for logs and model cards."""
        return {
            "miou": round(self.miou, 6),
            "mean_f1": round(self.mean_f1, 6),
            "per_class_iou": {name: _rounded(value) for name, value in self.iou.items()},
            "per_class_f1": {name: _rounded(value) for name, value in self.f1.items()},
        }

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        return np.diag(self.confusion), self.confusion.sum(1), self.confusion.sum(0)

    def _ratio(self, above: NDArray[np.int64], below: NDArray[np.int64]) -> dict[str, float | None]:
        pairs = zip(above.tolist(), below.tolist(), strict=True)
        return {name: (a / b if b else None) for name, (a, b) in zip(self.names, pairs, strict=True)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def confusion_matrix(truth: Tensor, answer: Tensor, classes: int) -> NDArray[np.int64]:
    """Count pixels, int64 (classes, classes), row = truth; pixels whose truth is 255 are left out.

    Args:
        truth: integer class ids, any shape.
        answer: integer class ids 0 .. classes - 1, same shape.
        classes: number of classes.
    """
    counted = truth != IGNORE_INDEX
    pairs = truth[counted].long() * classes + answer[counted].long()
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes).cpu().numpy()


@torch.inference_mode()
def evaluate(network: nn.Module, pool: Pool, labels: LabelSet, *, batch: int = 8, half: bool = False) -> Scores:
    """Run `network` densely over a pool, at the pool's own size in and out.

    Args:
        network: in eval mode, on any device.
        pool: pictures and masks.
        labels: names of the classes.
        batch: pictures at a time.
        half: run under bfloat16 autocast (for progress; report scores from float32).
    """
    device = next(network.parameters()).device
    total = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for first in range(0, len(pool), batch):
        order = np.arange(first, min(first + batch, len(pool)))
        images, masks = pool.fetch(order, device)
        pictures = images.permute(0, 3, 1, 2).float() / 255.0
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(pictures.contiguous(memory_format=torch.channels_last), (pool.size, pool.size))
        total += confusion_matrix(masks, logits.argmax(1), len(labels))
    return Scores(labels.names, total)
