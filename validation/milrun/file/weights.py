"""Reads Core ML weight files (MILBlob storage, version 2) through a memory map.

Layout, all little-endian: a 64-byte header (uint32 blob count, uint32 version 2), then blobs. A program refers to a
blob by the offset of its 64-byte metadata: uint32 sentinel 0xDEADBEEF, uint32 element type, uint64 size in bytes,
uint64 offset of the data. Format: the MILBlob sources in Apple's coremltools repository.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.milrun.dtypes import DType, unpack_bits
from validation.milrun.errors import ModelFileError

_HEADER = struct.Struct("<II")
_METADATA = struct.Struct("<IIQQ")
_HEADER_BYTES = 64
_VERSION = 2
_SENTINEL = 0xDEADBEEF

_BLOB_TYPES = {
    1: "float16",
    2: "float32",
    3: "uint8",
    4: "int8",
    6: "int16",
    7: "uint16",
    8: "int4",
    9: "uint1",
    10: "uint2",
    11: "uint4",
    12: "uint3",
    13: "uint6",
    14: "int32",
    15: "uint32",
}


class WeightFile:
    """One weight file, mapped into memory; nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        """Map the file and check its header.

        Raises:
            ModelFileError: no such file, too short, or not a version 2 weight file.
        """
        self._path = path
        try:
            self._bytes: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        except FileNotFoundError:
            raise ModelFileError(
                f"the weight file {path} is missing; convert the model again or copy the whole .mlpackage folder"
            ) from None
        except (OSError, ValueError) as error:
            raise ModelFileError(f"the weight file {path} cannot be read: {error}") from error
        if self._bytes.size < _HEADER_BYTES:
            raise ModelFileError(f"the weight file {path} is truncated ({self._bytes.size} bytes); convert again")
        _, version = _HEADER.unpack(self._bytes[: _HEADER.size].tobytes())
        if version != _VERSION:
            raise ModelFileError(f"the weight file {path} has version {version}, milrun reads version {_VERSION}")

    def read(self, offset: int, dtype: DType, count: int) -> NDArray[Any]:
        """Read `count` elements of the blob whose metadata is at `offset`; shape (count,), in the stored numpy type.


        Raises:
            ModelFileError: the offset, type or size does not fit the file.
        """
        data = self._blob(offset, dtype)
        if dtype.packed:
            return unpack_bits(data, dtype, count)
        need = count * dtype.bits // 8
        if data.size != need:
            raise ModelFileError(
                f"the weight at offset {offset} of {self._path.name} holds {data.size} bytes where the program "
                f"needs {need}; the package is damaged, convert again"
            )
        values: NDArray[Any] = data.view(dtype.stored)
        return values

    def _blob(self, offset: int, dtype: DType) -> NDArray[np.uint8]:
        end = offset + _METADATA.size
        if offset < _HEADER_BYTES or end > self._bytes.size:
            raise ModelFileError(f"offset {offset} is outside the weight file {self._path.name}; it is truncated")
        sentinel, code, size, start = _METADATA.unpack(self._bytes[offset:end].tobytes())
        if sentinel != _SENTINEL:
            raise ModelFileError(f"there is no weight at offset {offset} of {self._path.name}; the package is damaged")
        if _BLOB_TYPES.get(code) != dtype.name:
            raise ModelFileError(
                f"the weight at offset {offset} of {self._path.name} is {_BLOB_TYPES.get(code, code)}, the program "
                f"wants {dtype.name}; the package is damaged, convert again"
            )
        if start + size > self._bytes.size:
            raise ModelFileError(f"the weight file {self._path.name} is truncated; copy or convert the package again")
        return self._bytes[start : start + size]
