"""MIL's element types, and how milrun holds their values while computing.

Values are held wider than they are stored: every float of 32 bits or fewer as float32, every integer as int32 (int64
where 32 bits are too few), bool as bool. A float16 value is a float32 that has been rounded to float16, so products
and sums accumulate in float32 without a conversion per operand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from validation.milrun.errors import ModelFileError


@dataclass(frozen=True)
class DType:
    """One MIL element type: its number in the file, name, stored bits, and the torch type that holds it here."""

    code: int
    name: str
    bits: int
    stored: type[np.generic] | None
    held: torch.dtype | None

    @property
    def packed(self) -> bool:
        """Several elements share a byte in the file."""
        return self.bits < 8


_TYPES = (
    DType(1, "bool", 8, np.bool_, torch.bool),
    DType(2, "string", 0, None, None),
    DType(10, "float16", 16, np.float16, torch.float32),
    DType(11, "float32", 32, np.float32, torch.float32),
    DType(12, "float64", 64, np.float64, torch.float64),
    DType(21, "int8", 8, np.int8, torch.int32),
    DType(22, "int16", 16, np.int16, torch.int32),
    DType(23, "int32", 32, np.int32, torch.int32),
    DType(24, "int64", 64, np.int64, torch.int64),
    DType(25, "int4", 4, np.int8, torch.int32),
    DType(31, "uint8", 8, np.uint8, torch.int32),
    DType(32, "uint16", 16, np.uint16, torch.int32),
    DType(33, "uint32", 32, np.uint32, torch.int64),
    DType(34, "uint64", 64, np.uint64, torch.int64),
    DType(35, "uint4", 4, np.uint8, torch.int32),
    DType(36, "uint2", 2, np.uint8, torch.int32),
    DType(37, "uint1", 1, np.uint8, torch.int32),
    DType(38, "uint6", 6, np.uint8, torch.int32),
    DType(39, "uint3", 3, np.uint8, torch.int32),
)
_BY_CODE = {dtype.code: dtype for dtype in _TYPES}
_SPELLINGS = {"fp16": "float16", "fp32": "float32", "fp64": "float64", "double": "float64", "float": "float32"}
_BY_NAME = {dtype.name: dtype for dtype in _TYPES}

FLOAT16 = _BY_NAME["float16"]
FLOAT32 = _BY_NAME["float32"]
INT32 = _BY_NAME["int32"]
BOOL = _BY_NAME["bool"]
STRING = _BY_NAME["string"]


def dtype_of_code(code: int) -> DType:
    """Find the element type with this number.


    Raises:
        ModelFileError: no such type, or one that milrun cannot hold (8-bit floats, bfloat16).
    """
    if code not in _BY_CODE:
        raise ModelFileError(f"the program uses element type number {code}, which milrun does not know")
    return _BY_CODE[code]


def dtype_named(name: str) -> DType:
    """Find the element type by its name in a program's own parameters ("fp16", "int32", ...).


    Raises:
        ValueError: no such type.
    """
    spelled = _SPELLINGS.get(name, name)
    if spelled not in _BY_NAME:
        raise ValueError(f"{name!r} is no element type; one of {', '.join(sorted(_BY_NAME))} was expected")
    return _BY_NAME[spelled]


def held_tensor(array: NDArray[Any], dtype: DType) -> torch.Tensor:
    """Copy stored values into the tensor that milrun computes with."""
    if dtype.held is None:
        raise ModelFileError(f"{dtype.name} values cannot be tensors")
    wide = {torch.float32: np.float32, torch.float64: np.float64, torch.int32: np.int32, torch.int64: np.int64}
    target = wide.get(dtype.held, np.bool_)
    return torch.from_numpy(np.array(array, dtype=target, copy=True, order="C"))


def unpack_bits(raw: NDArray[np.uint8], dtype: DType, count: int) -> NDArray[Any]:
    """Unpack `count` elements of fewer than 8 bits, stored back to back from the least significant bit of each byte.


    Returns:
        int8 or uint8, shape (count,).

    Raises:
        ModelFileError: too few bytes.
    """
    need = (count * dtype.bits + 7) // 8
    if raw.size < need:
        raise ModelFileError(f"{count} {dtype.name} values need {need} bytes, the file holds {raw.size}")
    bits = np.unpackbits(raw[:need], bitorder="little")[: count * dtype.bits].reshape(count, dtype.bits)
    weights = (1 << np.arange(dtype.bits)).astype(np.uint8)
    values: NDArray[np.uint8] = (bits * weights).sum(axis=1, dtype=np.uint8)
    if dtype.stored is np.int8:
        half = 1 << (dtype.bits - 1)
        signed: NDArray[np.int8] = (values.astype(np.int16) - ((values >= half) * (1 << dtype.bits))).astype(np.int8)
        return signed
    return values
