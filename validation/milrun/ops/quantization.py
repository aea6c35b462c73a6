"""Quantization of activations."""

from __future__ import annotations

import torch
from torch import Tensor

from validation.milrun.registry import op

_LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


def _along(values: Tensor, x: Tensor, axis: int | None) -> Tensor:
    """Shape a parameter with one value per entry of `axis` so that it broadcasts."""
    if values.dim() == 0 or axis is None:
        return values
    return values.reshape([-1 if i == axis % x.dim() else 1 for i in range(x.dim())])


@op("quantize", since=17)
def quantize(
    input: Tensor,  # noqa: A002 (the name in the file)
    scale: Tensor,
    output_dtype: str,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """Compute clip(round(x / scale) + zero_point), rounding half to even."""
    low, high = _LIMITS[output_dtype]
    steps = torch.round(input / _along(scale, input, axis))
    if zero_point is not None:
        steps = steps + _along(zero_point, input, axis)
    return steps.clamp(low, high).to(torch.int32)


@op("dequantize", since=17)
def dequantize(
    input: Tensor,  # noqa: A002 (the name in the file)
    scale: Tensor,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """Compute scale * (x - zero_point)."""
    shifted = input if zero_point is None else input - _along(zero_point, input, axis)
    return shifted * _along(scale, input, axis)
