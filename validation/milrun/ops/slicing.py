"""Slices by index or size, and writing into slices."""

from __future__ import annotations

import torch
from torch import Tensor

from validation.milrun.registry import op


def _positions(size: int, begin: int | None, end: int | None, step: int) -> tuple[int, int]:
    """Return the first index and the count that a Python slice has on a dimension of `size`."""
    first, last, step = slice(begin, end, step).indices(size)
    return first, len(range(first, last, step))


def _selectors(
    x: Tensor,
    begin: list[int],
    end: list[int],
    stride: list[int] | None,
    begin_mask: list[bool] | None,
    end_mask: list[bool] | None,
    squeeze_mask: list[bool] | None,
) -> list[tuple[int, int, int, bool]]:
    """Return, per dimension, first index, count, step, and whether the dimension disappears."""
    rank = x.dim()
    if len(begin) != rank or len(end) != rank:
        raise ValueError(f"{len(begin)} begins and {len(end)} ends for rank {rank}")
    steps = stride or [1] * rank
    no_begin, no_end, squeezed = (mask or [False] * rank for mask in (begin_mask, end_mask, squeeze_mask))
    result = []
    for axis, size in enumerate(x.shape):
        if squeezed[axis]:
            index = begin[axis] + size if begin[axis] < 0 else begin[axis]
            if not 0 <= index < size:
                raise IndexError(f"index {begin[axis]} is outside dimension {axis} of {size}")
            result.append((index, 1, 1, True))
            continue
        first = None if no_begin[axis] else begin[axis]
        last = None if no_end[axis] else end[axis]
        start, count = _positions(size, first, last, steps[axis])
        result.append((start, count, steps[axis], False))
    return result


@op("slice_by_index", exact=True)
def slice_by_index(
    x: Tensor,
    begin: list[int],
    end: list[int],
    stride: list[int] | None = None,
    begin_mask: list[bool] | None = None,
    end_mask: list[bool] | None = None,
    squeeze_mask: list[bool] | None = None,
) -> Tensor:
    """Python slicing, begin:end:stride per dimension; masks leave begin or end open, or pick a single index."""
    selectors = _selectors(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    gone = []
    for axis, (start, count, step, squeezed) in enumerate(selectors):
        if squeezed:
            gone.append(axis)
        if step == 1:
            x = x.narrow(axis, start, count) if count else x.narrow(axis, 0, 0)
        else:
            x = x.index_select(axis, torch.arange(count) * step + start)
    for axis in reversed(gone):
        x = x.squeeze(axis)
    return x


@op("slice_by_size", exact=True)
def slice_by_size(x: Tensor, begin: list[int], size: list[int]) -> Tensor:
    """Take `size` entries from `begin` on, per dimension; -1 takes the rest."""
    for axis, (first, count) in enumerate(zip(begin, size, strict=True)):
        start = first + x.shape[axis] if first < 0 else first
        x = x.narrow(axis, start, x.shape[axis] - start if count == -1 else count)
    return x


@op("slice_update", since=18, exact=True)
def slice_update(
    x: Tensor,
    update: Tensor,
    begin: list[int],
    end: list[int],
    stride: list[int] | None = None,
    begin_mask: list[bool] | None = None,
    end_mask: list[bool] | None = None,
    squeeze_mask: list[bool] | None = None,
) -> Tensor:
    """Copy `x` with the slice replaced by `update`."""
    selectors = _selectors(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    index = []
    shape = []
    for axis, (start, count, step, squeezed) in enumerate(selectors):
        where = torch.arange(count) * step + start
        index.append(where.reshape([-1 if i == axis else 1 for i in range(x.dim())]))
        shape.append(1 if squeezed else count)
    result = x.clone()
    result[tuple(index)] = update.reshape(shape)
    return result
