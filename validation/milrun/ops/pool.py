"""Average, maximum and L2 pooling in one to three spatial dimensions."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.padding import amounts, is_symmetric, pad_spatial
from validation.milrun.registry import op

_AVERAGE: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_MAXIMUM: dict[int, Callable[..., Tensor]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}

Pads = list[tuple[int, int]]


@op("avg_pool")
def avg_pool(
    x: Tensor,
    kernel_sizes: list[int],
    pad_type: str,
    strides: list[int] | None = None,
    pad: list[int] | None = None,
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Mean over windows; padding counts as zeros unless it is excluded from the average."""
    strides = strides or [1] * len(kernel_sizes)
    pads = amounts(pad_type, pad, x.shape[2:], kernel_sizes, strides)
    if _torch_can(pads, kernel_sizes):
        before = [first for first, _ in pads]
        pool = _AVERAGE[len(kernel_sizes)]
        return pool(x, kernel_sizes, strides, before, ceil_mode, not exclude_padding_from_average)
    extra = _extra(x, pads, kernel_sizes, strides, ceil_mode)
    inside = torch.ones([1, 1, *x.shape[2:]], dtype=x.dtype)
    counted = pad_spatial(inside, pads, value=0.0 if exclude_padding_from_average else 1.0)
    counts = _window_sums(pad_spatial(counted, extra), kernel_sizes, strides)
    return _window_sums(pad_spatial(pad_spatial(x, pads), extra), kernel_sizes, strides) / counts


@op("l2_pool")
def l2_pool(
    x: Tensor,
    kernel_sizes: list[int],
    pad_type: str,
    strides: list[int] | None = None,
    pad: list[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Square root of the sum of squares over windows."""
    strides = strides or [1] * len(kernel_sizes)
    pads = amounts(pad_type, pad, x.shape[2:], kernel_sizes, strides)
    padded = pad_spatial(pad_spatial(x, pads), _extra(x, pads, kernel_sizes, strides, ceil_mode))
    return _window_sums(padded.square(), kernel_sizes, strides).sqrt()


@op("max_pool", exact=True)
def max_pool(
    x: Tensor,
    kernel_sizes: list[int],
    pad_type: str,
    strides: list[int] | None = None,
    pad: list[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Largest value in windows; padding never wins."""
    strides = strides or [1] * len(kernel_sizes)
    pads = amounts(pad_type, pad, x.shape[2:], kernel_sizes, strides)
    pool = _MAXIMUM[len(kernel_sizes)]
    if _torch_can(pads, kernel_sizes):
        return pool(x, kernel_sizes, strides, [first for first, _ in pads], 1, ceil_mode)
    extra = _extra(x, pads, kernel_sizes, strides, ceil_mode)
    total = [(before, after + more) for (before, after), (_, more) in zip(pads, extra, strict=True)]
    return pool(pad_spatial(x, total, value=float("-inf")), kernel_sizes, strides)


def _torch_can(pads: Pads, kernel: list[int]) -> bool:
    """Tell whether torch pads this way: symmetrically, by half a window at most."""
    return is_symmetric(pads) and all(2 * before <= size for (before, _), size in zip(pads, kernel, strict=True))


def _extra(x: Tensor, pads: Pads, kernel: list[int], strides: list[int], ceil_mode: bool) -> Pads:
    """Return what ceil_mode adds behind the padding so that the last, partial window exists."""
    extra = []
    for size, pad, width, stride in zip(x.shape[2:], pads, kernel, strides, strict=True):
        span = size + sum(pad) - width
        count = (span + (stride - 1 if ceil_mode else 0)) // stride + 1
        if ceil_mode and sum(pad) > 0 and (count - 1) * stride >= size + pad[0]:
            count -= 1
        extra.append((0, max(0, (count - 1) * stride - span)))
    return extra


def _window_sums(x: Tensor, kernel: list[int], strides: list[int]) -> Tensor:
    area = 1
    for size in kernel:
        area *= size
    return _AVERAGE[len(kernel)](x, kernel, strides) * area
