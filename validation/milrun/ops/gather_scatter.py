"""Gathering and scattering. Negative indices count from the end.

Every scatter is computed as one on the flattened tensor: the gather of the same kind, applied to the numbers of the
elements, says where each update goes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from validation.milrun.limits import check_size
from validation.milrun.registry import op


def _index(indices: Tensor, size: int) -> Tensor:
    """Checked int64 indices into a dimension of `size`."""
    wide = indices.to(torch.int64)
    if wide.numel():
        low, high = int(wide.min()), int(wide.max())
        if low < -size or high >= size:
            raise IndexError(f"index {low if low < -size else high} is outside a dimension of {size}")
        if low < 0:
            wide = torch.where(wide < 0, wide + size, wide)
    return wide


def _gather(x: Tensor, indices: Tensor, axis: int, batch_dims: int) -> Tensor:
    """x's dimension `axis` replaced by the dimensions of `indices` after its first `batch_dims`, which are shared."""
    axis = axis % max(1, x.dim())
    index = _index(indices, x.shape[axis])
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


def _gather_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """As numpy's take_along_axis."""
    return torch.take_along_dim(x, _index(indices, x.shape[axis]), axis)


def _gather_nd(x: Tensor, indices: Tensor, batch_dims: int) -> Tensor:
    """The last dimension of `indices` holds positions in the dimensions of x after the shared batch ones."""
    depth = indices.shape[-1]
    if batch_dims + depth > x.dim():
        raise ValueError(f"positions of {depth} coordinates do not fit rank {x.dim()} with {batch_dims} batch ones")
    check_size([*indices.shape[:-1], *x.shape[batch_dims + depth :]])
    coordinates = [_index(indices[..., i], x.shape[batch_dims + i]) for i in range(depth)]
    rank = indices.dim() - 1
    batches = [
        torch.arange(x.shape[i]).reshape([-1 if i == axis else 1 for axis in range(rank)]) for i in range(batch_dims)
    ]
    chosen: Tensor = x[tuple(batches + coordinates)]
    return chosen


@op("gather", exact=True)
def gather(x: Tensor, indices: Tensor, axis: int = 0, batch_dims: int = 0, validate_indices: bool = False) -> Tensor:
    """Entries of `axis` by number; the first `batch_dims` dimensions are shared."""
    return _gather(x, indices, axis, batch_dims)


@op("gather_along_axis", exact=True)
def gather_along_axis(x: Tensor, indices: Tensor, axis: int = 0, validate_indices: bool = False) -> Tensor:
    """Entries of `axis` by number, separately for every position in the other dimensions."""
    return _gather_along_axis(x, indices, axis)


@op("gather_nd", exact=True)
def gather_nd(x: Tensor, indices: Tensor, batch_dims: int = 0, validate_indices: bool = False) -> Tensor:
    """Entries or slices by position."""
    return _gather_nd(x, indices, batch_dims)


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


def _scatter(data: Tensor, positions: Tensor, updates: Tensor, mode: str) -> Tensor:
    """Apply `updates` to the elements of `data` whose numbers are in `positions`."""
    if mode not in _MODES:
        raise ValueError(f"scatter mode {mode!r} is unknown; one of {', '.join(_MODES)} was expected")
    spread = updates.to(data.dtype).expand(positions.shape).flatten()
    return _MODES[mode](data.flatten(), positions.flatten(), spread).reshape(data.shape)


def _numbers(data: Tensor) -> Tensor:
    return torch.arange(data.numel()).reshape(data.shape)


@op("scatter")
def scatter(
    data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, mode: str = "add", validate_indices: bool = False
) -> Tensor:
    """Update entries of `axis` by number."""
    return _scatter(data, _gather(_numbers(data), indices, axis, 0), updates, mode)


@op("scatter_along_axis")
def scatter_along_axis(
    data: Tensor, indices: Tensor, updates: Tensor, axis: int = 0, mode: str = "add", validate_indices: bool = False
) -> Tensor:
    """Update entries of `axis` by number, separately for every position in the other dimensions."""
    return _scatter(data, _gather_along_axis(_numbers(data), indices, axis), updates, mode)


@op("scatter_nd")
def scatter_nd(
    data: Tensor, indices: Tensor, updates: Tensor, mode: str = "add", validate_indices: bool = False
) -> Tensor:
    """Update entries or slices by position."""
    return _scatter(data, _gather_nd(_numbers(data), indices, 0), updates, mode)
