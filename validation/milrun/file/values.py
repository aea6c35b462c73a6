"""Decodes types and constant values of the file format."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from validation.milrun.dtypes import DType, dtype_of_code, held_tensor, unpack_bits
from validation.milrun.errors import ModelFileError
from validation.milrun.file.program import Literal, ValueType
from validation.milrun.file.size_limits import MAX_ELEMENTS, MAX_RANK
from validation.milrun.file.weights import WeightFile

_MAX_DIMENSION = 2**40


def decode_type(proto: Any) -> ValueType:
    """Read a ValueType message into a `ValueType`.


    Raises:
        ModelFileError: unknown kinds, element types, ranks that do not agree.
    """
    kind = proto.WhichOneof("type")
    if kind == "tensorType":
        return _tensor_type(proto.tensorType)
    if kind == "stateType":
        wrapped = decode_type(proto.stateType.wrappedType)
        return ValueType("state", wrapped.dtype, wrapped.shape)
    if kind == "listType":
        element = decode_type(proto.listType.type)
        return ValueType("list", element.dtype, element.shape)
    if kind in ("tupleType", "dictionaryType"):
        return ValueType(kind.removesuffix("Type"))
    raise ModelFileError("the program declares a value without a type; the package is damaged, convert again")


def _tensor_type(proto: Any) -> ValueType:
    dtype = dtype_of_code(proto.dataType)
    if proto.rank < 0 or any(dim.unknown.variadic for dim in proto.dimensions):
        return ValueType("tensor", dtype, None)
    if proto.rank != len(proto.dimensions) or proto.rank > MAX_RANK:
        raise ModelFileError(
            f"the program declares a tensor of rank {proto.rank} with {len(proto.dimensions)} sizes; it is damaged"
        )
    shape = tuple(_dimension(dim) for dim in proto.dimensions)
    return ValueType("tensor", dtype, shape)


def _dimension(proto: Any) -> int | None:
    if proto.WhichOneof("dimension") != "constant":
        return None
    size = int(proto.constant.size)
    if size > _MAX_DIMENSION:
        raise ModelFileError(f"the program declares a dimension of {size}; the package is damaged, convert again")
    return size


class ValueDecoder:
    """Decodes constant values; opens each weight file once and shares equal weights."""

    def __init__(self, weight_path: Callable[[str], Path]) -> None:
        """Take `weight_path`, which finds the file behind a name such as "@model_path/weights/weight.bin"."""
        self._weight_path = weight_path
        self._files: dict[str, WeightFile] = {}
        self._shared: dict[tuple[str, int, DType, tuple[int, ...]], torch.Tensor] = {}

    def decode(self, proto: Any) -> Literal:
        """Read a Value message into a `Literal`.


        Raises:
            ModelFileError: the value does not fit its type, or the weight file is missing or damaged.
        """
        declared = decode_type(proto.type)
        source = proto.WhichOneof("value")
        if source == "blobFileValue":
            return Literal(self._from_file(proto.blobFileValue, declared), declared)
        if source != "immediateValue":
            raise ModelFileError("the program holds a constant without a value; the package is damaged, convert again")
        immediate = proto.immediateValue
        which = immediate.WhichOneof("value")
        if which == "tensor":
            return Literal(_immediate_tensor(immediate.tensor, declared), declared)
        if which in ("list", "tuple"):
            items = immediate.list.values if which == "list" else immediate.tuple.values
            return Literal([self.decode(item).value for item in items], declared)
        raise ModelFileError(f"the program holds a constant {which or 'value'} that milrun does not read")

    def _from_file(self, blob: Any, declared: ValueType) -> torch.Tensor:
        dtype, shape = _known(declared)
        key = (blob.fileName, int(blob.offset), dtype, shape)
        if key not in self._shared:
            if blob.fileName not in self._files:
                self._files[blob.fileName] = WeightFile(self._weight_path(blob.fileName))
            values = self._files[blob.fileName].read(int(blob.offset), dtype, prod(shape))
            self._shared[key] = held_tensor(values.reshape(shape), dtype)
        return self._shared[key]


def _known(declared: ValueType) -> tuple[DType, tuple[int, ...]]:
    if declared.kind != "tensor" or declared.dtype is None or declared.shape is None or None in declared.shape:
        raise ModelFileError(f"a constant is declared as {declared}, which has no fixed size; convert again")
    shape = tuple(size for size in declared.shape if size is not None)
    if prod(shape) > MAX_ELEMENTS:
        raise ModelFileError(f"a constant is declared as {declared}, more than {MAX_ELEMENTS} elements; it is damaged")
    return declared.dtype, shape


def _immediate_tensor(proto: Any, declared: ValueType) -> Any:
    dtype, shape = _known(declared)
    field = proto.WhichOneof("value")
    if field is None:
        raise ModelFileError(f"a constant declared as {declared} holds nothing; the package is damaged, convert again")
    values = getattr(proto, field).values
    if dtype.name == "string":
        return _strings(list(values), declared) if field == "strings" else _mismatch(declared)
    if field == "strings":
        return _mismatch(declared)
    array = _from_bytes(values, dtype, prod(shape)) if field == "bytes" else _from_numbers(values, dtype)
    if array.size != prod(shape):
        return _mismatch(declared)
    return held_tensor(array.reshape(shape), dtype)


def _strings(values: list[str], declared: ValueType) -> str | list[str]:
    if declared.shape == ():
        return values[0] if values else ""
    return values


def _mismatch(declared: ValueType) -> Any:
    raise ModelFileError(f"a constant does not fit its type {declared}; the package is damaged, convert again")


def _from_bytes(raw: bytes, dtype: DType, count: int) -> NDArray[Any]:
    data = np.frombuffer(raw, dtype=np.uint8)
    if dtype.packed:
        return unpack_bits(data, dtype, count)
    if data.size != count * dtype.bits // 8:
        raise ModelFileError(f"a constant holds {data.size} bytes for {count} {dtype.name} values; it is damaged")
    values: NDArray[Any] = data.view(dtype.stored)
    return values


def _from_numbers(values: Any, dtype: DType) -> NDArray[Any]:
    wide = np.asarray(values)
    if wide.size == 0:
        return np.zeros(0, dtype=dtype.stored)
    return wide
