"""Matrix products; sums accumulate in float32."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.file.size_limits import broadcast_shape, check_size
from validation.milrun.registry import op


@op("linear")
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute x @ weight.T + bias; weight (D_out, D_in)."""
    x, weight = _joined(x, weight)
    if x.is_floating_point() and (bias is None or bias.dtype == x.dtype):
        return F.linear(x, weight, bias)
    product = torch.matmul(x, weight.transpose(-1, -2))
    return product if bias is None else product + bias


def _joined(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Bring both to one type: integers join floats as floats."""
    common = torch.promote_types(x.dtype, y.dtype)
    return x.to(common), y.to(common)


@op("matmul")
def matmul(x: Tensor, y: Tensor, transpose_x: bool = False, transpose_y: bool = False) -> Tensor:
    """Batched product with numpy's broadcasting; vectors are not transposed; integers join floats as floats."""
    if transpose_x and x.dim() > 1:
        x = x.transpose(-1, -2)
    if transpose_y and y.dim() > 1:
        y = y.transpose(-1, -2)
    x, y = _joined(x, y)
    if x.dim() > 1 and y.dim() > 1:
        check_size([*broadcast_shape(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1]])
    return torch.matmul(x, y)


@op("einsum")
def einsum(values: list[Tensor], equation: str) -> Tensor:
    """Sum of products as the equation says; all operands in one call."""
    _check_einsum(values, equation)
    return torch.einsum(equation.replace(" ", ""), *values)


def _check_einsum(values: list[Tensor], equation: str) -> None:
    """Refuse an equation whose result would be enormous."""
    operands, _, result = equation.replace(" ", "").partition("->")
    sizes = {
        label: size
        for labels, value in zip(operands.split(","), values, strict=False)
        for label, size in zip(labels, value.shape, strict=False)
    }
    check_size([sizes.get(label, 1) for label in result])
