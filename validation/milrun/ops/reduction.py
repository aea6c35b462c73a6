"""Reductions; sums and means accumulate in float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from validation.milrun.registry import op


def _axes(x: Tensor, axes: list[int] | None) -> list[int]:
    return list(range(x.dim())) if axes is None else [axis % x.dim() for axis in axes]


def _register(kind: str, function: Callable[[Tensor, list[int], bool], Tensor], exact: bool = False) -> None:
    def apply(x: Tensor, axes: list[int] | None = None, keep_dims: bool = False) -> Tensor:
        over = _axes(x, axes)
        if not over:  # a single number, or no axis named: every element is reduced by itself
            return function(x.unsqueeze(0), [0], False)
        return function(x, over, keep_dims)

    apply.__name__ = kind
    op(kind, exact=exact)(apply)


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _mean(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.to(torch.float32).mean(axes, keepdim=keep).to(x.dtype)


for _kind, _function in {
    "reduce_l1_norm": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "reduce_l2_norm": lambda x, axes, keep: x.square().sum(axes, keepdim=keep).to(torch.float32).sqrt(),
    "reduce_log_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep).to(torch.float32).log(),
    "reduce_log_sum_exp": lambda x, axes, keep: x.to(torch.float32).logsumexp(axes, keepdim=keep),
    "reduce_mean": _mean,
    "reduce_prod": _product,
    "reduce_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "reduce_sum_square": lambda x, axes, keep: x.square().sum(axes, keepdim=keep),
}.items():
    _register(_kind, _function)

_register("reduce_max", lambda x, axes, keep: x.amax(axes, keepdim=keep), exact=True)
_register("reduce_min", lambda x, axes, keep: x.amin(axes, keepdim=keep), exact=True)


@op("reduce_argmax")
def reduce_argmax(x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32") -> Tensor:
    """Return the index of the largest value along `axis`; of equal ones, the first."""
    return x.argmax(axis, keepdim=keep_dims)


@op("reduce_argmin")
def reduce_argmin(x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32") -> Tensor:
    """Return the index of the smallest value along `axis`; of equal ones, the first."""
    return x.argmin(axis, keepdim=keep_dims)
