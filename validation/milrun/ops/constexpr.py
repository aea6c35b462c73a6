"""Decompression of stored weights; evaluated once, at load.

What is decompressed is what Core ML computes with: int8 and palettized weights are expanded, so the arithmetic that
follows is that of the expanded weights.
"""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor

from validation.milrun.dtypes import dtype_named, unpack_bits
from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op


@op("constexpr_affine_dequantize", since=16, fold=True)
def affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int) -> Tensor:
    """Compute scale * (data - zero_point), with scale and zero point for all or one per entry of `axis`."""
    shape = [-1 if i == axis % quantized_data.dim() else 1 for i in range(quantized_data.dim())]
    shift = zero_point.reshape(shape) if zero_point.dim() == 1 else zero_point
    factor = scale.reshape(shape) if scale.dim() == 1 else scale
    return (quantized_data - shift) * factor


@op("constexpr_cast", since=16, fold=True)
def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    """Weights stored in one float type and used in another."""
    held = dtype_named(output_dtype).held
    if held is None:
        raise ValueError(f"cannot cast weights to {output_dtype}")
    return source_val.to(held)


@op("constexpr_lut_to_dense", since=16, fold=True, exact=True)
def lut_to_dense_packed(indices: Tensor, lut: Tensor, shape: list[int]) -> Tensor:
    """Palette look-up; indices are packed bytes of log2(len(lut)) bits each."""
    check_size(shape)
    bits = max(1, lut.numel().bit_length() - 1)
    raw = indices.to(torch.uint8).numpy()
    chosen = raw if bits == 8 else unpack_bits(raw, dtype_named(f"uint{bits}"), prod(shape))
    return lut[torch.from_numpy(chosen[: prod(shape)].astype(np.int64))].reshape(shape)


@op("constexpr_sparse_to_dense", since=16, fold=True, exact=True)
def sparse_to_dense_packed(nonzero_data: Tensor, mask: Tensor, shape: list[int]) -> Tensor:
    """Put the values where the packed mask has a 1, and zeros elsewhere."""
    check_size(shape)
    bits = unpack_bits(mask.to(torch.uint8).numpy(), dtype_named("uint1"), prod(shape))
    return sparse_to_dense(nonzero_data, torch.from_numpy(bits).reshape(shape))


def _spread(values: Tensor, shape: torch.Size | list[int]) -> Tensor:
    """Repeat block-wise parameters to the shape of the data."""
    for axis, (have, want) in enumerate(zip(values.shape, shape, strict=True)):
        if have != want:
            if have < 1 or want % have:
                raise ValueError(f"{have} blocks do not divide dimension {axis} of {want}")
            values = values.repeat_interleave(want // have, axis)
    return values


@op("constexpr_blockwise_shift_scale", since=18, fold=True)
def blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """Compute scale * (data - offset), with scale and offset per block."""
    shifted = data if offset is None else data - _spread(offset, data.shape)
    return shifted * _spread(scale, data.shape)


@op("constexpr_lut_to_dense", since=18, fold=True, exact=True)
def lut_to_dense(indices: Tensor, lut: Tensor, vector_axis: int | None = None) -> Tensor:
    """Palette look-up; lut has a palette per block of indices, and a vector per entry along `vector_axis`."""
    rank = indices.dim()
    if lut.dim() != rank + 2:
        raise ValueError(f"a table of rank {lut.dim()} does not fit indices of rank {rank}")
    tables, vector = lut.shape[:rank], lut.shape[-1]
    check_size([*indices.shape, vector])
    number = torch.arange(prod(tables)).reshape(tables)
    values = lut.reshape(-1, *lut.shape[-2:])[_spread(number, indices.shape), indices.to(torch.int64)]
    if vector == 1:
        return values.squeeze(-1)
    if vector_axis is None:
        raise ValueError("a table of vectors needs vector_axis")
    axis = vector_axis % rank
    return values.movedim(-1, axis + 1).flatten(axis, axis + 1)


@op("constexpr_sparse_to_dense", since=18, fold=True, exact=True)
def sparse_to_dense(nonzero_data: Tensor, mask: Tensor) -> Tensor:
    """Put the values where the mask is 1, and zeros elsewhere."""
    chosen = mask != 0
    count = int(chosen.sum())
    if count != nonzero_data.numel():
        raise ValueError(f"the mask has {count} ones for {nonzero_data.numel()} values")
    result = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    result[chosen] = nonzero_data.flatten()
    return result


@op("constexpr_lut_to_sparse", since=18, fold=True, exact=True)
def lut_to_sparse(
    indices_mask: Tensor, indices_nonzero_data: Tensor, lut: Tensor, vector_axis: int | None = None
) -> tuple[Tensor, Tensor]:
    """Palette look-up of the entries where the mask is 1; gives the mask of the result and its values."""
    dense = lut_to_dense(sparse_to_dense(indices_nonzero_data, indices_mask), lut, vector_axis)
    mask = indices_mask
    if vector_axis is not None and lut.shape[-1] > 1:
        mask = mask.repeat_interleave(lut.shape[-1], vector_axis)
    return mask, dense[mask != 0]


@op("constexpr_sparse_blockwise_shift_scale", since=18, fold=True)
def sparse_blockwise_shift_scale(
    data_mask: Tensor, nonzero_data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Dequantize, block by block, the entries where the mask is 1; return the mask and the values."""
    dense = blockwise_shift_scale(sparse_to_dense(nonzero_data, data_mask), scale, offset)
    return data_mask, dense[data_mask != 0]
