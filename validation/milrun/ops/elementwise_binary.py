"""Elementwise arithmetic, comparison and logic on two broadcast operands."""

from __future__ import annotations

import torch
from torch import Tensor

from validation.milrun.file.size_limits import broadcast_shape, check_size
from validation.milrun.registry import op


def _fit(x: Tensor, y: Tensor) -> None:
    """Refuse a broadcast whose result would be enormous, as two thin operands may give."""
    if x.numel() > 1 and y.numel() > 1 and x.shape != y.shape:
        check_size(broadcast_shape(x.shape, y.shape))


@op("add")
def add(x: Tensor, y: Tensor) -> Tensor:
    """Compute x + y."""
    _fit(x, y)
    return x + y


@op("sub")
def sub(x: Tensor, y: Tensor) -> Tensor:
    """Compute x - y."""
    _fit(x, y)
    return x - y


@op("mul")
def mul(x: Tensor, y: Tensor) -> Tensor:
    """Compute x * y."""
    _fit(x, y)
    return x * y


@op("real_div")
def real_div(x: Tensor, y: Tensor) -> Tensor:
    """Compute x / y; the quotient of integers is cut towards zero."""
    _fit(x, y)
    if x.is_floating_point():
        return x / y
    # The lowest integer divided by -1 traps in the processor and would end the process; negation wraps instead.
    negated = y == -1
    quotient = torch.div(x, torch.where(negated, 1, y), rounding_mode="trunc")
    return torch.where(negated, -x, quotient)


@op("floor_div")
def floor_div(x: Tensor, y: Tensor) -> Tensor:
    """Compute floor(x / y)."""
    _fit(x, y)
    return torch.div(x, y, rounding_mode="floor")


@op("mod")
def mod(x: Tensor, y: Tensor) -> Tensor:
    """Compute x - floor(x / y) * y."""
    _fit(x, y)
    return torch.remainder(x, y)


@op("pow")
def power(x: Tensor, y: Tensor) -> Tensor:
    """Compute x ** y."""
    _fit(x, y)
    return torch.pow(x, y)


@op("maximum", exact=True)
def maximum(x: Tensor, y: Tensor) -> Tensor:
    """Return the larger of x and y, element by element."""
    _fit(x, y)
    return torch.maximum(x, y)


@op("minimum", exact=True)
def minimum(x: Tensor, y: Tensor) -> Tensor:
    """Return the smaller of x and y, element by element."""
    _fit(x, y)
    return torch.minimum(x, y)


@op("equal")
def equal(x: Tensor, y: Tensor) -> Tensor:
    """Compute x == y."""
    _fit(x, y)
    return x == y


@op("not_equal")
def not_equal(x: Tensor, y: Tensor) -> Tensor:
    """Compute x != y."""
    _fit(x, y)
    return x != y


@op("greater")
def greater(x: Tensor, y: Tensor) -> Tensor:
    """Compute x > y."""
    _fit(x, y)
    return x > y


@op("greater_equal")
def greater_equal(x: Tensor, y: Tensor) -> Tensor:
    """Compute x >= y."""
    _fit(x, y)
    return x >= y


@op("less")
def less(x: Tensor, y: Tensor) -> Tensor:
    """Compute x < y."""
    _fit(x, y)
    return x < y


@op("less_equal")
def less_equal(x: Tensor, y: Tensor) -> Tensor:
    """Compute x <= y."""
    _fit(x, y)
    return x <= y


@op("logical_and")
def logical_and(x: Tensor, y: Tensor) -> Tensor:
    """Compute x and y."""
    _fit(x, y)
    return torch.logical_and(x, y)


@op("logical_or")
def logical_or(x: Tensor, y: Tensor) -> Tensor:
    """Compute x or y."""
    _fit(x, y)
    return torch.logical_or(x, y)


@op("logical_xor")
def logical_xor(x: Tensor, y: Tensor) -> Tensor:
    """Either x or y, not both."""
    _fit(x, y)
    return torch.logical_xor(x, y)
