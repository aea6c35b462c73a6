"""Sample points, and compute losses on them.

All losses take logits (N, P, C), labels int64 (N, P) and ignore label 255. Points and losses are independent of the
grid: the pixel MLP is evaluated only where the loss looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segdata.labels import IGNORE_INDEX


@dataclass(frozen=True)
class LossConfig:
    """Weigh the parts of the loss.

    Attributes:
        cross_entropy: plain cross-entropy over all points.
        edge: cross-entropy over the points near label edges alone (as the paper, which adds such a term).
        dice: soft Dice, averaged over the classes present in the batch.
        focal_gamma: exponent of focal loss applied to both cross-entropies; 0 leaves them plain, 2 is the paper's.
        label_smoothing: share of the target spread evenly over all classes.
        edge_radius: a pixel is near an edge if another class lies within this many pixels.
    """

    cross_entropy: float = 1.0
    edge: float = 1.0
    dice: float = 0.0
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    edge_radius: int = 2


def near_edges(masks: Tensor, radius: int) -> Tensor:
    """Find pixels with another label within `radius` pixels (square neighbourhood): uint8 (N, H, W) -> bool."""
    labels = masks[:, None].float()
    width = 2 * radius + 1
    highest = F.max_pool2d(labels, width, stride=1, padding=radius)
    lowest = -F.max_pool2d(-labels, width, stride=1, padding=radius)
    return (highest != lowest)[:, 0]


@dataclass(frozen=True)
class Points:
    """Hold sampled pixel centres.

    Attributes:
        places: float32 (N, P, 2), (row, column) in -1..1 over the picture's extent.
        labels: int64 (N, P).
        edge: bool (N, P), near a label edge.
    """

    places: Tensor
    labels: Tensor
    edge: Tensor


def sample_points(masks: Tensor, count: int, radius: int, generator: torch.Generator) -> Points:
    """Choose pixels, half of them evenly over the picture and half evenly over the neighbourhood of label edges.

    Args:
        masks: uint8 (N, H, W).
        count: points per picture, even, at most H * W.
        radius: see `near_edges`.
        generator: source of randomness, on the device of `masks`.
    """
    images, height, width = masks.shape
    edges = near_edges(masks, radius).flatten(1)
    keys = torch.rand((images, height * width), device=masks.device, generator=generator)
    # Random keys pick evenly; adding one to edge pixels puts all of them first, and other pixels only if they run out.
    anywhere = keys.topk(count // 2, dim=1, sorted=False).indices
    on_edges = (1.0 - keys + edges).topk(count // 2, dim=1, sorted=False).indices
    chosen = torch.cat([anywhere, on_edges], dim=1)
    rows = (chosen // width + 0.5) / height * 2.0 - 1.0
    columns = (chosen % width + 0.5) / width * 2.0 - 1.0
    labels = masks.flatten(1).gather(1, chosen).long()
    return Points(torch.stack([rows, columns], dim=-1), labels, edges.gather(1, chosen))


def segmentation_loss(logits: Tensor, labels: Tensor, edge: Tensor, config: LossConfig) -> Tensor:
    """Compute the weighted sum that `config` describes.

    Args:
        logits: float (N, P, C).
        labels: int64 (N, P), 255 ignored.
        edge: bool (N, P), points near label edges.
        config: weights.

    Returns:
        scalar float32; 0 if every point is ignored.
    """
    scores = logits.float().transpose(1, 2)
    each = F.cross_entropy(
        scores, labels, ignore_index=IGNORE_INDEX, reduction="none", label_smoothing=config.label_smoothing
    )
    if config.focal_gamma:
        each = each * focal_weight(scores, labels, config.focal_gamma)
    counted = labels != IGNORE_INDEX
    total = config.cross_entropy * _mean(each, counted)
    if config.edge:
        total = total + config.edge * _mean(each, counted & edge)
    if config.dice:
        total = total + config.dice * dice_loss(scores, labels)
    return total


def focal_weight(scores: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """Compute (1 - p)^gamma, p the probability of the true class: focal loss's factor (T.-Y. Lin et al., ICCV 2017).

    The gradient flows through it, as in the paper.

    Args:
        scores: logits, float (N, C, P).
        labels: int64 (N, P); where it is 255 the value means nothing.
        gamma: exponent, above 0.

    Returns:
        float (N, P), in 0..1.
    """
    true = labels.where(labels != IGNORE_INDEX, torch.zeros_like(labels))
    missing = 1.0 - scores.softmax(1).gather(1, true[:, None])[:, 0]
    # An exponent below 1 has an infinite slope at 0.
    return missing.clamp(min=1e-6) ** gamma


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)


def dice_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Compute 1 - soft Dice, pooled over the batch per class and averaged over classes that occur in it.

    Soft Dice after F. Milletari et al. (3DV 2016), with sums instead of squares in the denominator.

    Args:
        scores: logits, float (N, C, P).
        labels: int64 (N, P), 255 ignored.
    """
    classes = scores.shape[1]
    counted = labels != IGNORE_INDEX
    truth = F.one_hot(labels.where(counted, torch.zeros_like(labels)), classes).transpose(1, 2) * counted[:, None]
    share = scores.softmax(1) * counted[:, None]
    overlap, size = (share * truth).sum((0, 2)), (share + truth).sum((0, 2))
    present = truth.sum((0, 2)) > 0
    missing = 1.0 - (2.0 * overlap + 1.0) / (size + 1.0)
    return (missing * present).sum() / present.sum().clamp(min=1)
