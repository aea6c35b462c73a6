"""Reshaping and rearranging; no arithmetic, so results are exact."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from validation.milrun.file.size_limits import MAX_RANK, check_size
from validation.milrun.padding import pad_spatial
from validation.milrun.registry import op


@op("reshape", exact=True)
def reshape(x: Tensor, shape: list[int]) -> Tensor:
    """Give the same elements a new shape; 0 keeps a size, -1 is inferred."""
    if len(shape) > MAX_RANK:
        raise ValueError(f"rank {len(shape)} is not allowed (at most {MAX_RANK})")
    if 0 in shape and x.numel() > 0:
        if len(shape) != x.dim():
            raise ValueError(f"a 0 in the shape {shape} needs the input's rank {x.dim()}")
        shape = [wanted or have for wanted, have in zip(shape, x.shape, strict=True)]
    return x.reshape(shape)


@op("reshape", since=17, exact=True)
def reshape_ios17(x: Tensor, shape: list[int]) -> Tensor:
    """Give the same elements a new shape.

    From iOS17 on, zeros match sizes counted from the right, and 1 where there is none.
    """
    if len(shape) > MAX_RANK:
        raise ValueError(f"rank {len(shape)} is not allowed (at most {MAX_RANK})")
    if 0 in shape and x.numel() > 0:
        offset = len(shape) - x.dim()
        shape = [wanted or (x.shape[i - offset] if i >= offset else 1) for i, wanted in enumerate(shape)]
    return x.reshape(shape)


@op("reshape_like", since=16, exact=True)
def reshape_like(
    x: Tensor, ref_tensors: list[Tensor], begins: list[Tensor], ends: list[Tensor], end_masks: list[Tensor]
) -> Tensor:
    """Reshape to a shape joined from slices of other tensors' shapes."""
    shape: list[int] = []
    for ref, begin, end, whole in zip(ref_tensors, begins, ends, end_masks, strict=True):
        stop = None if bool(whole) else int(end)
        shape.extend(ref.shape[int(begin) : stop])
    return x.reshape(shape)


@op("expand_dims", exact=True)
def expand_dims(x: Tensor, axes: list[int]) -> Tensor:
    """Insert sizes of 1 at the given positions of the result."""
    rank = x.dim() + len(axes)
    if rank > MAX_RANK:
        raise ValueError(f"rank {rank} is not allowed (at most {MAX_RANK})")
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


@op("squeeze", exact=True)
def squeeze(x: Tensor, axes: list[int] | None = None) -> Tensor:
    """Drop the given dimensions of size 1, or all of them."""
    if axes is None:
        return x.squeeze()
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        if x.shape[axis] != 1:
            raise ValueError(f"dimension {axis} has {x.shape[axis]} entries and cannot be squeezed")
        x = x.squeeze(axis)
    return x


@op("transpose", exact=True)
def transpose(x: Tensor, perm: list[int]) -> Tensor:
    """Put the dimensions in the order `perm`."""
    return x.permute(perm)


@op("flatten2d", exact=True)
def flatten2d(x: Tensor, axis: int = 1) -> Tensor:
    """Make two dimensions: everything before `axis`, everything from it on."""
    first = axis % x.dim() if axis < 0 else axis
    return x.reshape(prod(x.shape[:first]), prod(x.shape[first:]))


@op("reverse", exact=True)
def reverse(x: Tensor, axes: list[int] | None = None) -> Tensor:
    """Turn the given dimensions, or all, back to front."""
    return x.flip(list(range(x.dim())) if axes is None else axes)


@op("reverse_sequence", exact=True)
def reverse_sequence(x: Tensor, lengths: Tensor, seq_axis: int = 0, batch_axis: int = 0) -> Tensor:
    """Turn, per entry of `batch_axis`, the first lengths[i] entries of `seq_axis` back to front."""
    sequence = x.shape[seq_axis]
    position = torch.arange(sequence)[None]
    length = lengths.to(torch.int64)[:, None]
    index = torch.where(position < length, length - 1 - position, position)
    moved = x.movedim((batch_axis, seq_axis), (0, 1))
    return moved[torch.arange(moved.shape[0])[:, None], index].movedim((0, 1), (batch_axis, seq_axis))


@op("depth_to_space", exact=True)
def depth_to_space(x: Tensor, block_size: int) -> Tensor:
    """Spread channels into blocks; the block position is the slow part of the channel number."""
    n, c, h, w = x.shape
    b = block_size
    return x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


@op("space_to_depth", exact=True)
def space_to_depth(x: Tensor, block_size: int) -> Tensor:
    """Gather blocks into channels; the block position is the slow part of the channel number."""
    n, c, h, w = x.shape
    b = block_size
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


@op("pixel_shuffle", exact=True)
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Spread channels into blocks; the block position is the fast part of the channel number."""
    return torch.pixel_shuffle(x, upscale_factor)


@op("pixel_unshuffle", since=16, exact=True)
def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Gather blocks into channels; the block position is the fast part of the channel number."""
    return torch.pixel_unshuffle(x, downscale_factor)


@op("space_to_batch", exact=True)
def space_to_batch(x: Tensor, block_shape: list[int], paddings: list[int]) -> Tensor:
    """Pad, then move block positions into the batch (slow part)."""
    bh, bw = block_shape
    x = pad_spatial(x, [(paddings[0], paddings[1]), (paddings[2], paddings[3])])
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // bh, bh, w // bw, bw).permute(3, 5, 0, 1, 2, 4)
    return blocks.reshape(n * bh * bw, c, h // bh, w // bw)


@op("batch_to_space", exact=True)
def batch_to_space(x: Tensor, block_shape: list[int], crops: list[int]) -> Tensor:
    """Move block positions out of the batch, then crop."""
    bh, bw = block_shape
    n, c, h, w = x.shape
    blocks = x.reshape(bh, bw, n // (bh * bw), c, h, w).permute(2, 3, 4, 0, 5, 1)
    full = blocks.reshape(n // (bh * bw), c, h * bh, w * bw)
    return full[:, :, crops[0] : h * bh - crops[1], crops[2] : w * bw - crops[3]]


@op("sliding_windows", exact=True)
def sliding_windows(x: Tensor, axis: int, size: int, stride: int = 1) -> Tensor:
    """Cut all windows of `size` along `axis`, `stride` apart; the window's own dimension follows `axis`."""
    where = axis % x.dim()
    if size < 1 or stride < 1 or x.shape[where] < size:
        raise ValueError(f"no window of {size} every {stride} fits a dimension of {x.shape[where]}")
    check_size([x.numel() // max(1, x.shape[where]), (x.shape[where] - size) // stride + 1, size])
    return x.unfold(where, size, stride).movedim(-1, where + 1)


@op("crop", exact=True)
def crop(x: Tensor, crop_height: list[int], crop_width: list[int]) -> Tensor:
    """Cut off the given rows above and below and columns left and right."""
    top, bottom = crop_height
    left, right = crop_width
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]
