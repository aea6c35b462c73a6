"""Building, joining, splitting and ordering tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op


@op("concat", exact=True)
def concat(values: list[Tensor], axis: int, interleave: bool = False) -> Tensor:
    """Join along `axis`; interleaved, the first slices of all come first, then the second ones.

    Values of rank 0 (single sizes, in programs with open shapes) become one list, whatever the axis.
    """
    if values[0].dim() == 0:
        return torch.stack(values)
    if not interleave:
        return torch.cat(values, axis)
    return torch.stack(values, axis % values[0].dim() + 1).flatten(axis % values[0].dim(), axis % values[0].dim() + 1)


@op("stack", exact=True)
def stack(values: list[Tensor], axis: int) -> Tensor:
    """Join along a new axis."""
    return torch.stack(values, axis)


@op("split", exact=True)
def split(
    x: Tensor, axis: int, num_splits: int | None = None, split_sizes: list[int] | None = None
) -> tuple[Tensor, ...]:
    """Cut along `axis` into equal parts or parts of the given sizes."""
    if split_sizes is not None:
        return torch.split(x, split_sizes, axis)
    if num_splits is None or num_splits < 1 or x.shape[axis] % num_splits:
        raise ValueError(f"cannot cut {x.shape[axis]} into {num_splits} equal parts")
    return torch.split(x, x.shape[axis] // num_splits, axis)


@op("tile", exact=True)
def tile(x: Tensor, reps: list[int]) -> Tensor:
    """Repeat every dimension `reps` times."""
    if len(reps) != x.dim():
        raise ValueError(f"{len(reps)} repetitions for rank {x.dim()}")
    check_size([size * times for size, times in zip(x.shape, reps, strict=True)])
    return x.repeat(reps)


@op("fill", exact=True)
def fill(shape: list[int], value: Tensor | None = None) -> Tensor:
    """Fill a tensor of the given shape with one value."""
    check_size(shape)
    if value is None:
        return torch.zeros(shape)
    return value.reshape([1] * len(shape)).expand(shape) if shape else value.reshape([])


@op("fill_like", since=16, exact=True)
def fill_like(ref_tensor: Tensor, value: Tensor | None = None) -> Tensor:
    """Fill a tensor of another one's shape with one value."""
    return fill(list(ref_tensor.shape), value)


@op("range_1d")
def range_1d(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    """Count from start in steps up to, not including, end."""
    first, last, by = start.item(), end.item(), step.item()
    if by == 0:
        raise ValueError("the step of range_1d is 0")
    check_size([max(0, int((last - first) / by) + 1)])
    return torch.arange(first, last, by, dtype=start.dtype)


@op("one_hot")
def one_hot(
    indices: Tensor,
    one_hot_vector_size: int,
    axis: int = -1,
    on_value: Tensor | None = None,
    off_value: Tensor | None = None,
) -> Tensor:
    """Put on_value where a new axis equals the index, off_value elsewhere; negative indices give no on_value."""
    check_size([*indices.shape, one_hot_vector_size])
    where = axis % (indices.dim() + 1)
    shape = [1] * (indices.dim() + 1)
    shape[where] = -1
    hit = indices.unsqueeze(where) == torch.arange(one_hot_vector_size).reshape(shape)
    on = on_value if on_value is not None else torch.tensor(1, dtype=torch.int32)
    off = off_value if off_value is not None else torch.tensor(0, dtype=torch.int32)
    return torch.where(hit, on, off)


@op("pad", exact=True)
def pad(x: Tensor, pad: list[int], mode: str = "constant", constant_val: Tensor | None = None) -> Tensor:
    """Pad the last len(pad) / 2 dimensions; pad holds before and after of each, in order."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    leading = x.dim() - len(pairs)
    if leading < 0:
        raise ValueError(f"{len(pairs)} dimensions are to be padded, the input has rank {x.dim()}")
    check_size([size + (sum(pairs[i - leading]) if i >= leading else 0) for i, size in enumerate(x.shape)])
    if mode == "constant":
        value = constant_val.item() if constant_val is not None else 0
        return F.pad(x, [amount for pair in reversed(pairs) for amount in pair], value=value)
    for axis, (before, after) in enumerate(pairs, start=leading):
        if before or after:
            x = x.index_select(axis, _border(x.shape[axis], before, after, mode))
    return x


def _border(size: int, before: int, after: int, mode: str) -> Tensor:
    """Input positions of a padded dimension: mirrored without the edge ("reflect"), or the edge repeated."""
    positions = torch.arange(-before, size + after)
    if mode == "replicate":
        return positions.clamp(0, size - 1)
    if mode == "reflect":
        if max(before, after) >= size:
            raise ValueError(f"cannot mirror {max(before, after)} samples of a dimension of {size}")
        return (size - 1) - ((size - 1) - positions.abs()).abs()
    raise ValueError(f"padding mode {mode!r} is unknown")


@op("band_part", exact=True)
def band_part(x: Tensor, lower: int = -1, upper: int = -1) -> Tensor:
    """Keep `lower` diagonals below and `upper` above the main one (negative: all), zero the rest."""
    if upper >= 0:
        x = x.tril(upper)
    return x.triu(-lower) if lower >= 0 else x


@op("cumsum")
def cumsum(x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Add up along `axis`; exclusive sums leave out the element itself."""
    turned = x.flip(axis) if reverse else x
    sums = turned.cumsum(axis, dtype=x.dtype)
    if exclusive:
        sums = sums - turned
    return sums.flip(axis) if reverse else sums


@op("argsort")
def argsort(x: Tensor, axis: int = -1, ascending: bool = False) -> Tensor:
    """Return the indices that sort along `axis`; equal values keep their order."""
    return torch.argsort(x, dim=axis, descending=not ascending, stable=True)


def _topk(x: Tensor, k: int, axis: int, ascending: bool) -> tuple[Tensor, Tensor]:
    count = x.shape[axis] if k == -1 else k
    if not 0 <= count <= x.shape[axis]:
        raise ValueError(f"the {count} best of {x.shape[axis]} values are asked for")
    values, indices = torch.sort(x, dim=axis, descending=not ascending, stable=True)
    return values.narrow(axis, 0, count), indices.narrow(axis, 0, count)


@op("topk", exact=True)
def topk(x: Tensor, k: int = 1, axis: int = -1, ascending: bool = False) -> tuple[Tensor, Tensor]:
    """Return the k largest (ascending: smallest) values along `axis` and their indices; -1 takes all."""
    values, indices = _topk(x, k, axis, ascending)
    return values, indices.to(torch.int32)


@op("topk", since=16, exact=True)
def topk_ios16(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,
    return_indices: bool = True,
    output_indices_dtype: str = "int32",
) -> tuple[Tensor, ...]:
    """Return the k largest values along `axis`, with indices if wanted; results that need no order are sorted too."""
    values, indices = _topk(x, k, axis, ascending)
    return (values, indices.to(torch.int32)) if return_indices else (values,)


@op("non_zero")
def non_zero(x: Tensor) -> Tensor:
    """Return the positions of the values that are not zero, one row each."""
    return torch.nonzero(x)


@op("shape")
def shape(x: Tensor) -> Tensor:
    """Return the sizes of `x`."""
    return torch.tensor(list(x.shape), dtype=torch.int32)


@op("select", exact=True)
def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return a where cond holds, else b."""
    return torch.where(cond.to(torch.bool), a, b)
