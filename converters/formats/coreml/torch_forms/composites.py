"""Each operation that coremltools 9 lacks on one of its two routes, made of operations that it has on both. Imports
torch.

var_mean, std_mean   mean;  mean of squared differences
rms_norm             x / s * rsqrt(mean((x / s)^2) + eps / s^2), s the largest magnitude, so that no square leaves float16
bicubic resize       two products with fixed matrices, which torch's own resize gives
circular padding     the far ends put before and behind
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_SMALLEST = 1e-3
"""Below it nothing is scaled: a picture of zeros has no largest magnitude."""


def var_mean(
    input: Tensor,  # noqa: A002 - torch's own name
    dim: int | Sequence[int] | bool | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """`torch.var_mean` in all its forms: variance and mean over `dim`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = tuple(range(input.ndim)) if dim is None or dim == () else (dim,) if isinstance(dim, int) else tuple(dim)
    less = float(correction) if correction is not None else float(unbiased is None or unbiased)
    mean = input.mean(axes, keepdim=True)
    apart = input - mean
    count = prod(input.shape[axis] for axis in axes)
    variance = (apart * apart).mean(axes, keepdim=keepdim) * (count / (count - less))
    return variance, mean if keepdim else input.mean(axes)


def std_mean(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """`torch.std_mean`: the root of the variance, and the mean."""
    variance, mean = var_mean(*args, **kwargs)
    return variance.sqrt(), mean


def rms_norm(
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """`torch.nn.functional.rms_norm` (arXiv 1910.07467); without `eps` torch takes that of the type."""
    axes = tuple(range(-len(normalized_shape), 0))
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    scale = input.abs().amax(axes, keepdim=True).clamp(min=_SMALLEST)
    small = input / scale
    answer = small * torch.rsqrt((small * small).mean(axes, keepdim=True) + eps / scale / scale)
    return answer if weight is None else answer * weight


def padded_in_a_circle(input: Tensor, pad: Sequence[int]) -> Tensor:  # noqa: A002
    """`torch.nn.functional.pad(mode="circular")`: (before, behind) of the last axis, then of the one before it."""
    for number in range(len(pad) // 2):
        axis = input.ndim - 1 - number
        before, behind = (int(places) for places in pad[2 * number : 2 * number + 2])
        size = int(input.shape[axis])
        left = size - max(-before, 0) - max(-behind, 0)
        kept = input.narrow(axis, max(-before, 0), left)
        ends = [kept.narrow(axis, left - before, before)] if before > 0 else []
        ends += [kept] + ([kept.narrow(axis, 0, behind)] if behind > 0 else [])
        input = torch.cat(ends, axis) if len(ends) > 1 else kept  # noqa: A001
    return input


def bicubic_matrices(
    shape: Sequence[int],
    size: Any = None,
    scale_factor: Any = None,
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> tuple[Tensor, Tensor]:
    """The matrices (h, H) and (W, w) of `torch.nn.functional.interpolate(mode="bicubic")` on pictures of `shape`."""

    def along(axis: int) -> Tensor:
        there = shape[2 + axis]
        columns = functional.interpolate(
            torch.eye(there)[None, None],
            size=None if size is None else (_of(size, axis), there),
            scale_factor=None if scale_factor is None else (_of(scale_factor, axis), 1.0),
            mode="bicubic",
            align_corners=align_corners,
            recompute_scale_factor=recompute_scale_factor,
            antialias=antialias,
        )
        return columns[0, 0].contiguous()

    return along(0), along(1).T.contiguous()


def _of(value: Any, axis: int) -> Any:
    return value[axis] if isinstance(value, Sequence) else value
