"""Elementwise functions of one operand, and casts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from validation.milrun.dtypes import dtype_named
from validation.milrun.registry import op


def _exact(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Wrap a function that leaves integers as they are."""

    def apply(x: Tensor) -> Tensor:
        return function(x) if x.is_floating_point() else x

    return apply


def _register(kind: str, function: Callable[[Tensor], Tensor], exact: bool = False) -> None:
    def apply(x: Tensor) -> Tensor:
        return function(x)

    apply.__name__ = kind
    op(kind, exact=exact)(apply)


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "acos": torch.acos,
    "asin": torch.asin,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "erf": torch.erf,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "logical_not": torch.logical_not,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
}
_EXACT_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "ceil": _exact(torch.ceil),
    "floor": _exact(torch.floor),
    "identity": lambda x: x,
    "round": _exact(torch.round),
    "sign": torch.sign,
}
for _kind, _function in _FUNCTIONS.items():
    _register(_kind, _function)
for _kind, _function in _EXACT_FUNCTIONS.items():
    _register(_kind, _function, exact=True)


@op("clip", exact=True)
def clip(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Compute min(max(x, alpha), beta)."""
    return x.clamp(alpha, beta)


@op("threshold", exact=True)
def threshold(x: Tensor, alpha: float) -> Tensor:
    """Compute max(x, alpha)."""
    return x.clamp(min=alpha)


@op("inverse")
def inverse(x: Tensor, epsilon: float = 1e-4) -> Tensor:
    """Compute 1 / (x + epsilon)."""
    return 1.0 / (x + epsilon)


@op("log")
def log(x: Tensor, epsilon: float = 1e-45) -> Tensor:
    """Compute log(x + epsilon)."""
    return torch.log(x + epsilon)


@op("rsqrt")
def rsqrt(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """Compute 1 / sqrt(x + epsilon)."""
    return torch.rsqrt(x + epsilon)


_INTEGER_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-(2**15), 2**15 - 1), "uint16": (0, 2**16 - 1)}


@op("cast")
def cast(x: Tensor, dtype: str) -> Tensor:
    """Convert `x` to another element type.

    Floats are cut towards zero, values beyond a narrow integer's range clamped.
    """
    target = dtype_named(dtype)
    if target.held is None:
        raise ValueError(f"cannot cast to {dtype}")
    if target.name in _INTEGER_LIMITS:
        x = x.to(torch.float32).clamp(*_INTEGER_LIMITS[target.name]) if x.is_floating_point() else x
    return x.to(target.held)
