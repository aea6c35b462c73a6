"""Cutting a map into patches that do not overlap, and putting it together again, as moves of values alone. Imports
torch.

litert-torch 0.10 gathers patches place by place, and puts them together with a scatter that its runtime refuses;
onnx2tf has no fold.
Where the stride is the kernel no place is read twice, so both are the same five axes in another order:

    unfold   gather -> gather -> transpose -> reshape   ->   (C, h, p, w, q) -> transpose -> (C, p, q, h, w) -> reshape
    fold     zeros -> scatter, scatter                  ->   (C, p, q, h, w) -> transpose -> (C, h, p, w, q) -> reshape

p x q is the patch, h x w the number of them. MobileViTV2 does both around its attention.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

Pair = int | Sequence[int]


def unfold(
    input: torch.Tensor,  # noqa: A002 - torch's own name
    kernel_size: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
) -> torch.Tensor:
    """`torch.nn.functional.unfold`: (N, C, H, W) -> (N, C p q, h w), bit for bit; patches that overlap or are padded
    pass."""
    patch = _pair(kernel_size)
    if input.ndim != 4 or not _apart(patch, dilation, padding, stride):
        return functional.unfold(input, kernel_size, dilation, padding, stride)  # type: ignore[arg-type]
    batch, channels = input.shape[:2]
    rows, columns = (size // length for size, length in zip(input.shape[2:], patch, strict=True))
    whole = input[:, :, : rows * patch[0], : columns * patch[1]]  # torch drops what is left over, too
    cut = whole.reshape(batch * channels, rows, patch[0], columns, patch[1])
    return cut.permute(0, 2, 4, 1, 3).reshape(batch, channels * patch[0] * patch[1], rows * columns)


def fold(
    input: torch.Tensor,  # noqa: A002 - torch's own name
    output_size: Pair,
    kernel_size: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
) -> torch.Tensor:
    """`torch.nn.functional.fold`: (N, C p q, h w) -> (N, C, H, W), bit for bit; where patches do not tile the map it
    passes."""
    patch, size = _pair(kernel_size), _pair(output_size)
    tiled = size[0] % patch[0] == 0 and size[1] % patch[1] == 0
    if input.ndim != 3 or not tiled or not _apart(patch, dilation, padding, stride):
        return functional.fold(input, output_size, kernel_size, dilation, padding, stride)  # type: ignore[arg-type]
    rows, columns = size[0] // patch[0], size[1] // patch[1]
    channels = input.shape[1] // (patch[0] * patch[1])
    # A wrong number of patches is refused here as torch refuses it: the values do not fill the shape.
    cut = input.reshape(input.shape[0] * channels, patch[0], patch[1], rows, columns)
    return cut.permute(0, 3, 1, 4, 2).reshape(input.shape[0], channels, size[0], size[1])


def _apart(patch: tuple[int, int], dilation: Pair, padding: Pair, stride: Pair) -> bool:
    return _pair(stride) == patch and _pair(dilation) == (1, 1) and _pair(padding) == (0, 0)


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])
