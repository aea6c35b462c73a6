"""Non-maximum suppression."""

from __future__ import annotations

import torch
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op


def _overlap(box: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of one (x, y, width, height) box, given by its centre, with others (N, 4)."""
    low = torch.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = torch.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(dim=1)
    union = box[2] * box[3] + others[:, 2] * others[:, 3] - shared
    return torch.where(union > 0, shared / union, torch.zeros_like(union))


def _survivors(
    boxes: Tensor, scores: Tensor, iou_threshold: float, score_threshold: float, most: int, per_class: bool
) -> list[int]:
    """Numbers of the boxes kept, best first; the best box is kept even if it is below the score threshold."""
    best, label = scores.max(dim=1)
    order = torch.argsort(best, descending=True, stable=True).tolist()
    alive = [number for number in order if best[number] > score_threshold] or order[:1]
    kept: list[int] = []
    suppressed = torch.zeros(boxes.shape[0], dtype=torch.bool)
    for number in alive:
        if len(kept) == most:
            break
        if suppressed[number]:
            continue
        kept.append(number)
        close = _overlap(boxes[number], boxes) > iou_threshold
        suppressed |= close & (label == label[number]) if per_class else close
    return kept


@op("non_maximum_suppression")
def non_maximum_suppression(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    max_boxes: int,
    score_threshold: float = float("-inf"),
    per_class_suppression: bool = False,
) -> tuple[Tensor, ...]:
    """Keep the best of overlapping boxes (n, B, 4), centre and size, by their scores (n, B, K)."""
    n, _, classes = scores.shape
    check_size([n, max_boxes, classes + 5])
    out_boxes, out_scores = torch.zeros(n, max_boxes, 4), torch.zeros(n, max_boxes, classes)
    out_numbers = torch.full((n, max_boxes), -1, dtype=torch.int32)
    counts = torch.zeros(n, dtype=torch.int32)
    for i in range(n):
        kept = _survivors(boxes[i], scores[i], iou_threshold, score_threshold, max_boxes, per_class_suppression)
        out_boxes[i, : len(kept)], out_scores[i, : len(kept)] = boxes[i, kept], scores[i, kept]
        out_numbers[i, : len(kept)] = torch.tensor(kept, dtype=torch.int32)
        counts[i] = len(kept)
    return out_boxes, out_scores, out_numbers, counts
