"""Reading the file format: schema, types, weight blobs, against coremltools' own reader and writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from validation.milrun.dtypes import dtype_named, unpack_bits
from validation.milrun.errors import ModelFileError
from validation.milrun.file.schema import model_class
from validation.milrun.file.weights import WeightFile

ct = pytest.importorskip("coremltools")


def _theirs(ours: Any, theirs: Any, seen: set[str]) -> None:
    """Every field of ours has the same number, repetition and nature in Apple's schema."""
    if ours.full_name in seen:
        return
    seen.add(ours.full_name)
    for field in ours.fields:
        match = theirs.fields_by_name[field.name]
        assert (field.number, field.is_repeated) == (match.number, match.is_repeated), field.full_name
        if field.message_type is not None:
            assert match.message_type is not None, field.full_name
            _theirs(field.message_type, match.message_type, seen)
        else:
            # An enum is a varint on the wire, as int32 is.
            same = {field.type, match.type} <= {5, 14} or field.type == match.type
            assert same, field.full_name


def test_schema_agrees_with_coremltools() -> None:
    from coremltools.proto import Model_pb2

    seen: set[str] = set()
    _theirs(model_class().DESCRIPTOR, Model_pb2.Model.DESCRIPTOR, seen)
    assert len(seen) > 40


_WRITERS = {
    "float32": ("write_float_data", np.float32),
    "uint8": ("write_uint8_data", np.uint8),
    "int8": ("write_int8_data", np.int8),
    "int16": ("write_int16_data", np.int16),
    "uint16": ("write_uint16_data", np.uint16),
    "int32": ("write_int32_data", np.int32),
    "uint32": ("write_uint32_data", np.uint32),
    "int4": ("write_int4_data", np.int8),
    "uint4": ("write_uint4_data", np.uint8),
    "uint1": ("write_uint1_data", np.uint8),
    "uint2": ("write_uint2_data", np.uint8),
    "uint3": ("write_uint3_data", np.uint8),
    "uint6": ("write_uint6_data", np.uint8),
}


@pytest.mark.parametrize("name", sorted(_WRITERS))
@pytest.mark.parametrize("count", [1, 7, 100])
def test_weights_written_by_coremltools_read_back(tmp_path: Path, name: str, count: int) -> None:
    from coremltools.libmilstoragepython import _BlobStorageWriter

    dtype = dtype_named(name)
    writer, stored = _WRITERS[name]
    low, high = (-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1)) if name.startswith("int") else (0, 2**dtype.bits)
    values = np.random.default_rng(0).integers(low, high, count).astype(stored)
    path = tmp_path / "weight.bin"
    blobs = _BlobStorageWriter(str(path))
    blobs.write_float_data(np.zeros(3, np.float32))
    offset = getattr(blobs, writer)(values)
    del blobs
    assert np.array_equal(WeightFile(path).read(offset, dtype, count), values)


def test_float16_weights_read_back(tmp_path: Path) -> None:
    from coremltools.libmilstoragepython import _BlobStorageWriter

    values = np.random.default_rng(0).normal(size=33).astype(np.float16)
    path = tmp_path / "weight.bin"
    blobs = _BlobStorageWriter(str(path))
    offset = blobs.write_fp16_data(values.view(np.uint16))
    del blobs
    assert np.array_equal(WeightFile(path).read(offset, dtype_named("fp16"), 33), values)
    with pytest.raises(ModelFileError, match="needs 68"):
        WeightFile(path).read(offset, dtype_named("fp16"), 34)
    with pytest.raises(ModelFileError, match="is float16, the program wants int8"):
        WeightFile(path).read(offset, dtype_named("int8"), 66)
    with pytest.raises(ModelFileError, match="no weight at offset"):
        WeightFile(path).read(offset + 64, dtype_named("fp16"), 33)


def test_packed_bits_start_at_the_least_significant() -> None:
    raw = np.array([0b01_10_11_00, 0b00_00_00_11], np.uint8)
    assert unpack_bits(raw, dtype_named("uint2"), 5).tolist() == [0, 3, 2, 1, 3]
    assert unpack_bits(np.array([0xF8], np.uint8), dtype_named("int4"), 2).tolist() == [-8, -1]


def test_torch_holds_every_type() -> None:
    assert dtype_named("fp16").held is torch.float32
    assert dtype_named("uint32").held is torch.int64
    with pytest.raises(ValueError, match="no element type"):
        dtype_named("float7")
