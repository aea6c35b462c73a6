"""The argmax before a nearest resize instead of behind it: the resize only copies, so the labels are the same. Imports
torch.

    without   logits (C, h, w) -> RESIZE_NEAREST_NEIGHBOR (C, f h, g w) -> ARG_MAX -> labels (f h, g w)
    with      logits (C, h, w) -> ARG_MAX -> labels (h, w) -> CONCATENATION of f and of g copies -> labels (f h, g w)

C maps of the full size are never made. A blending resize has no such form: the class between two neighbours may be a
third one.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from converters.artifact import OutputKind
from converters.torch_sources.adapter import Adapted

Factors = tuple[int, int]


def before_nearest(network: nn.Module, output: OutputKind, picture: torch.Tensor) -> tuple[nn.Module, Factors]:
    """`network` without the nearest resize at its end, and how often each label is copied down and across.

    Itself and (1, 1) if it has none, or one by no whole factor. `picture`, float32 (1, 3, H, W), is any that it takes.
    """
    if output is not OutputKind.LABELS or not isinstance(network, Adapted) or network.answer.resize != "nearest":
        return network, (1, 1)
    size = network.answer.size
    if size is None:
        return network, (1, 1)
    bare = Adapted(network.network, network.picture, replace(network.answer, size=None)).eval()
    with torch.no_grad():
        height, width = bare(picture).shape[2:]
    factors = size[0] // height, size[1] // width
    places = torch.arange(float(height * width)).reshape(1, 1, height, width)
    # Torch's own resize is asked: it counts in float32, which need not be what whole numbers say.
    exact = torch.equal(copied(places[0], factors), functional.interpolate(places, size, mode="nearest")[0])
    return (bare, factors) if exact else (network, (1, 1))


def copied(labels: torch.Tensor, factors: Factors) -> torch.Tensor:
    """Labels (1, h, w) -> (1, f h, g w), each beside its copies."""
    for axis, factor in enumerate(factors, start=1):
        if factor > 1:
            labels = torch.stack([labels] * factor, axis + 1).flatten(axis, axis + 1)
    return labels
