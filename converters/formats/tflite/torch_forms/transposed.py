"""Transposed convolutions in the one form that litert-torch 0.10 converts rightly: without padding. Imports torch.

Its lowering refuses most paddings, and where it takes an `output_padding` it writes zeros into the last rows, where
torch has values. Padding only cuts rows off what the unpadded one answers, so here they are cut off:

    ConvTranspose2d(padding=p, output_padding=o)  ->  ConvTranspose2d(padding=0) -> [p : p + length] -> + bias
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional


def cut_transposed(
    input: torch.Tensor,  # noqa: A002 - torch's own name
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> torch.Tensor:
    """`torch.nn.functional.conv_transpose2d`, with its arguments: (N, C, H, W) -> (N, D, h, w)."""
    strides, pads, extra, dilations = (_pair(value) for value in (stride, padding, output_padding, dilation))
    if not any(pads) and not any(extra):
        return functional.conv_transpose2d(input, weight, bias, strides, 0, 0, groups, dilations)
    whole = functional.conv_transpose2d(input, weight, None, strides, 0, 0, groups, dilations)
    for axis in (0, 1):
        length = (input.shape[2 + axis] - 1) * strides[axis] - 2 * pads[axis]
        length += dilations[axis] * (weight.shape[2 + axis] - 1) + extra[axis] + 1
        beyond = pads[axis] + length - whole.shape[2 + axis]
        if beyond > 0:  # nothing reaches these rows
            whole = functional.pad(whole, (0, 0, 0, beyond) if axis == 0 else (0, beyond))
        whole = whole.narrow(2 + axis, pads[axis], length)
    return whole if bias is None else whole + bias[None, :, None, None]


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])
