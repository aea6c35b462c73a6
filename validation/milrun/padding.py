"""Padding amounts of convolutions and pools, as MIL defines them."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from validation.milrun.file.size_limits import check_size


def amounts(
    pad_type: str, pad: Sequence[int] | None, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Return (before, after) per spatial dimension.


    Args:
        pad_type: "valid", "same" (odd amounts go after), "same_lower" (odd amounts go before) or "custom".
        pad: for "custom": before and after of every dimension, flat.
        sizes: spatial sizes of the input.
        kernel: spatial sizes of the dilated kernel.

    Raises:
        ValueError: unknown type, or lengths that do not agree.
    """
    if not len(sizes) == len(kernel) == len(strides):
        raise ValueError(f"{len(sizes)} spatial dimensions, {len(kernel)} kernel sizes, {len(strides)} strides")
    if any(stride < 1 for stride in strides):
        raise ValueError(f"strides are {list(strides)}; every stride must be at least 1")
    if pad_type == "valid":
        return [(0, 0)] * len(sizes)
    if pad_type == "custom":
        given = list(pad) if pad is not None else [0, 0] * len(sizes)
        if len(given) != 2 * len(sizes):
            raise ValueError(f"{len(given)} padding amounts for {len(sizes)} spatial dimensions")
        return list(zip(given[::2], given[1::2], strict=True))
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"pad_type is {pad_type!r}; valid, same, same_lower and custom are known")
    result = []
    for size, width, stride in zip(sizes, kernel, strides, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + width - size)
        small, large = total // 2, total - total // 2
        result.append((small, large) if pad_type == "same" else (large, small))
    return result


def pad_spatial(x: Tensor, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """Pad the last len(pads) dimensions of `x` by a constant."""
    leading = x.dim() - len(pads)
    grown = [size + sum(pads[i]) for i, size in enumerate(x.shape[leading:])]
    check_size([*x.shape[:leading], *grown])
    flat = [amount for before_after in reversed(pads) for amount in before_after]
    return F.pad(x, flat, value=value)


def is_symmetric(pads: Sequence[tuple[int, int]]) -> bool:
    """Tell whether every dimension has the same amount, and none negative, before and after."""
    return all(before == after >= 0 for before, after in pads)
