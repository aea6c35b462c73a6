"""Gathering and scattering.

Every scatter is computed as one on the flattened tensor: the gather of the same kind, applied to the numbers of the
elements, says where each update goes.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op


class Rule(Enum):
    """What an index outside a dimension means."""

    WRAP = "negative indices count from the end, others are an error"  # up to iOS16
    CHECK = "an error"  # iOS17, validate_indices
    FREE = "anything memory-safe"  # iOS17 without validation: here, the last entry


def _index(indices: Tensor, size: int, rule: Rule) -> Tensor:
    """Bring indices into a dimension of `size`, as int64; raise IndexError where the rule refuses one."""
    wide = indices.to(torch.int64)
    if rule is Rule.FREE:
        return torch.where((wide < 0) | (wide >= size), size - 1, wide)
    if wide.numel():
        lowest = -size if rule is Rule.WRAP else 0
        low, high = int(wide.min()), int(wide.max())
        if low < lowest or high >= size:
            raise IndexError(f"index {low if low < lowest else high} is outside a dimension of {size}")
        if low < 0:
            wide = torch.where(wide < 0, wide + size, wide)
    return wide


def _gather(x: Tensor, indices: Tensor, axis: int, batch_dims: int, rule: Rule) -> Tensor:
    """Replace x's dimension `axis` by the dimensions of `indices` after its first `batch_dims`, which both share."""
    axis = axis % max(1, x.dim())
    index = _index(indices, x.shape[axis], rule)
    batch, inner = list(x.shape[:batch_dims]), list(indices.shape[batch_dims:])
    result_shape = [*x.shape[:axis], *inner, *x.shape[axis + 1 :]]
    check_size(result_shape)
    if batch_dims == 0:
        return x.index_select(axis, index.flatten()).reshape(result_shape)
    moved = x.movedim(axis, batch_dims).flatten(0, batch_dims - 1)
    flat = index.reshape(prod(batch), -1)
    taken = moved[torch.arange(flat.shape[0])[:, None], flat]
    middle = list(x.shape[batch_dims:axis])
    taken = taken.reshape(batch + inner + middle + list(x.shape[axis + 1 :]))
    sources = tuple(range(batch_dims, batch_dims + len(inner)))
    return taken.movedim(sources, tuple(position + len(middle) for position in sources))


def _gather_along_axis(x: Tensor, indices: Tensor, axis: int, rule: Rule) -> Tensor:
    """Pick along one axis as numpy's take_along_axis does."""
    return torch.take_along_dim(x, _index(indices, x.shape[axis], rule), axis)


def _gather_nd(x: Tensor, indices: Tensor, batch_dims: int, rule: Rule) -> Tensor:
    """Pick by positions in the last dimension of `indices`, in the dimensions of x after the shared batch ones."""
    depth = indices.shape[-1]
    if batch_dims + depth > x.dim():
        raise ValueError(f"positions of {depth} coordinates do not fit rank {x.dim()} with {batch_dims} batch ones")
    check_size([*indices.shape[:-1], *x.shape[batch_dims + depth :]])
    coordinates = [_index(indices[..., i], x.shape[batch_dims + i], rule) for i in range(depth)]
    rank = indices.dim() - 1
    batches = [
        torch.arange(x.shape[i]).reshape([-1 if i == axis else 1 for axis in range(rank)]) for i in range(batch_dims)
    ]
    chosen: Tensor = x[tuple(batches + coordinates)]
    return chosen


def _rule(validate_indices: bool) -> Rule:
    return Rule.CHECK if validate_indices else Rule.FREE


@op("gather", exact=True)
def gather(x: Tensor, indices: Tensor, axis: int = 0, batch_dims: int = 0) -> Tensor:
    """Entries of `axis` by number; the first `batch_dims` dimensions are shared."""
    return _gather(x, indices, axis, batch_dims, Rule.WRAP)


@op("gather", since=17, exact=True)
def gather_ios17(
    x: Tensor, indices: Tensor, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False
) -> Tensor:
    """Pick along an axis; from iOS17 on, negative indices are refused where indices are validated."""
    return _gather(x, indices, axis, batch_dims, _rule(validate_indices))


@op("gather_along_axis", exact=True)
def gather_along_axis(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """Entries of `axis` by number, separately for every position in the other dimensions."""
    return _gather_along_axis(x, indices, axis, Rule.WRAP)


@op("gather_along_axis", since=17, exact=True)
def gather_along_axis_ios17(x: Tensor, indices: Tensor, axis: int = 0, validate_indices: bool = False) -> Tensor:
    """Pick along one axis element by element.

    From iOS17 on, negative indices are refused where indices are validated.
    """
    return _gather_along_axis(x, indices, axis, _rule(validate_indices))


@op("gather_nd", exact=True)
def gather_nd(x: Tensor, indices: Tensor, batch_dims: int = 0) -> Tensor:
    """Entries or slices by position."""
    return _gather_nd(x, indices, batch_dims, Rule.WRAP)


@op("gather_nd", since=17, exact=True)
def gather_nd_ios17(x: Tensor, indices: Tensor, batch_dims: int = 0, validate_indices: bool = False) -> Tensor:
    """Pick by positions; from iOS17 on, negative indices are refused where indices are validated."""
    return _gather_nd(x, indices, batch_dims, _rule(validate_indices))


def _divide(values: Tensor, at: Tensor, updates: Tensor) -> Tensor:
    return values / torch.ones_like(values).scatter_reduce(0, at, updates, "prod")


_MODES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "update": lambda values, at, updates: values.index_copy(0, at, updates),
    "add": lambda values, at, updates: values.index_add(0, at, updates),
    "sub": lambda values, at, updates: values.index_add(0, at, updates, alpha=-1),
    "mul": lambda values, at, updates: values.scatter_reduce(0, at, updates, "prod"),
    "div": _divide,
    "max": lambda values, at, updates: values.scatter_reduce(0, at, updates, "amax"),
    "min": lambda values, at, updates: values.scatter_reduce(0, at, updates, "amin"),
}


def _numbers(data: Tensor, rule: Rule, axes: list[int]) -> Tensor:
    """Number every element; where indices are not validated, one more entry per axis, numbered past the end."""
    numbers = torch.arange(data.numel()).reshape(data.shape)
    if rule is not Rule.FREE:
        return numbers
    padding = [int(side and axis in axes) for axis in reversed(range(data.dim())) for side in (0, 1)]
    return F.pad(numbers, padding, value=data.numel())


def _scatter(data: Tensor, positions: Tensor, updates: Tensor, mode: str) -> Tensor:
    """Apply `updates` to the elements of `data` whose numbers are in `positions`; one past the end is dropped."""
    if mode not in _MODES:
        raise ValueError(f"scatter mode {mode!r} is unknown; one of {', '.join(_MODES)} was expected")
    spread = updates.to(data.dtype).expand(positions.shape).flatten()
    extended = F.pad(data.flatten(), (0, 1), value=1)
    return _MODES[mode](extended, positions.flatten(), spread)[:-1].reshape(data.shape)


def _scatter_axis(data: Tensor, indices: Tensor, updates: Tensor, axis: int, mode: str, rule: Rule) -> Tensor:
    numbers = _numbers(data, rule, [axis % data.dim()])
    return _scatter(data, _gather(numbers, indices, axis, 0, rule), updates, mode)


def _scatter_along(data: Tensor, indices: Tensor, updates: Tensor, axis: int, mode: str, rule: Rule) -> Tensor:
    numbers = _numbers(data, rule, [axis % data.dim()])
    return _scatter(data, _gather_along_axis(numbers, indices, axis, rule), updates, mode)


def _scatter_position(data: Tensor, indices: Tensor, updates: Tensor, mode: str, rule: Rule) -> Tensor:
    numbers = _numbers(data, rule, list(range(indices.shape[-1])))
    positions = _gather_nd(numbers, indices, 0, rule)
    return _scatter(data, positions, updates, mode)


@op("scatter")
def scatter(data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, mode: str = "add") -> Tensor:
    """Update entries of `axis` by number."""
    return _scatter_axis(data, indices, updates, axis, mode, Rule.WRAP)


@op("scatter", since=17)
def scatter_ios17(
    data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, mode: str = "add", validate_indices: bool = False
) -> Tensor:
    """Write updates along an axis; from iOS17 on, negative indices are refused where indices are validated."""
    return _scatter_axis(data, indices, updates, axis, mode, _rule(validate_indices))


@op("scatter_along_axis")
def scatter_along_axis(data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, mode: str = "add") -> Tensor:
    """Update entries of `axis` by number, separately for every position in the other dimensions."""
    return _scatter_along(data, indices, updates, axis, mode, Rule.WRAP)


@op("scatter_along_axis", since=17)
def scatter_along_axis_ios17(
    data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, mode: str = "add", validate_indices: bool = False
) -> Tensor:
    """Write updates along one axis element by element; from iOS17 on, validated indices may not be negative."""
    return _scatter_along(data, indices, updates, axis, mode, _rule(validate_indices))


@op("scatter_nd")
def scatter_nd(data: Tensor, indices: Tensor, updates: Tensor, mode: str = "add") -> Tensor:
    """Update entries or slices by position."""
    return _scatter_position(data, indices, updates, mode, Rule.WRAP)


@op("scatter_nd", since=17)
def scatter_nd_ios17(
    data: Tensor, indices: Tensor, updates: Tensor, mode: str = "add", validate_indices: bool = False
) -> Tensor:
    """Write updates by positions; from iOS17 on, negative indices are refused where indices are validated."""
    return _scatter_position(data, indices, updates, mode, _rule(validate_indices))
