"""An .mlpackage taken apart without running it: features, operators, and the bytes of its constants by type."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters.errors import SourceError
from converters.formats.coreml.file.package import load_specification
from converters.formats.coreml.tool import coremltools

DEPLOYMENT_TARGETS = {6: "iOS15", 7: "iOS16", 8: "iOS17", 9: "iOS18", 10: "iOS26"}
"""Oldest system by specification version (coremltools `AvailableTarget`)."""


@dataclass(frozen=True)
class Feature:
    """An input or output: `kind` is ``"picture"`` (shape is height, width) or ``"array"``.

    `allowed` are all the shapes it may have, where the file enumerates them.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    allowed: tuple[tuple[int, ...], ...] = ()

    def words(self) -> str:
        shapes = " or ".join(" x ".join(map(str, shape)) for shape in self.allowed or (self.shape,))
        return f"{self.kind} {self.name} {self.dtype} {shapes}"


@dataclass(frozen=True)
class Function:
    """What one function takes and answers."""

    name: str
    inputs: tuple[Feature, ...]
    outputs: tuple[Feature, ...]


@dataclass(frozen=True)
class Program:
    """What stands in the package; `inputs` and `outputs` are those of the function that opens when none is named."""

    specification_version: int
    functions: tuple[Function, ...]
    inputs: tuple[Feature, ...]
    outputs: tuple[Feature, ...]
    operators: Counter[str]
    bytes_by_dtype: Counter[str]
    metadata: dict[str, str]

    @property
    def deployment_target(self) -> str:
        return DEPLOYMENT_TARGETS.get(self.specification_version, f"specification {self.specification_version}")


def read_program(path: Path) -> Program:
    """Parse an .mlpackage folder (or its .mlmodel) holding an ML Program.

    Raises:
        SourceError: not a Core ML model, a damaged one, or one that is not an ML Program.
        MissingToolError: coremltools is not installed.
    """
    ct = coremltools()
    specification = load_specification(path)
    if specification.WhichOneof("Type") != "mlProgram":
        raise SourceError(f"{path} is not an ML Program; convert the model again for iOS15 or later")
    description = specification.description
    metadata = description.metadata
    program = specification.mlProgram
    functions = _functions(ct, specification)
    if not functions:
        raise SourceError(f"{path} holds no function; convert the model again")
    named = description.defaultFunctionName
    default = next((item for item in functions if item.name == named), functions[0])
    return Program(
        specification_version=specification.specificationVersion,
        functions=functions,
        inputs=default.inputs,
        outputs=default.outputs,
        operators=Counter(operation.type for operation in _operations(program) if operation.type != "const"),
        bytes_by_dtype=_bytes_by_dtype(ct, program),
        metadata={
            "description": metadata.shortDescription,
            "author": metadata.author,
            "version": metadata.versionString,
            **dict(sorted(metadata.userDefined.items())),
        },
    )


def _functions(ct: Any, specification: Any) -> tuple[Function, ...]:
    """Several functions are described one by one, a single one together with the model."""
    description = specification.description
    described = [(item.name, item) for item in description.functions]
    return tuple(
        Function(
            name,
            tuple(_feature(ct, item) for item in ends.input),
            tuple(_feature(ct, item) for item in ends.output),
        )
        for name, ends in described or [(name, description) for name in list(specification.mlProgram.functions)[:1]]
    )


def _feature(ct: Any, item: Any) -> Feature:
    kind = item.type.WhichOneof("Type")
    if kind == "imageType":
        image = item.type.imageType
        spaces = ct.proto.FeatureTypes_pb2.ImageFeatureType.ColorSpace
        allowed = tuple((size.height, size.width) for size in image.enumeratedSizes.sizes)
        return Feature(item.name, "picture", (image.height, image.width), spaces.Name(image.colorSpace), allowed)
    if kind == "multiArrayType":
        array = item.type.multiArrayType
        types = ct.proto.FeatureTypes_pb2.ArrayFeatureType.ArrayDataType
        return Feature(item.name, "array", tuple(array.shape), types.Name(array.dataType).lower())
    return Feature(item.name, str(kind), (), "")


def _operations(program: Any) -> Iterator[Any]:
    for function in program.functions.values():
        for block in function.block_specializations.values():
            yield from _inside(block)


def _inside(block: Any) -> Iterator[Any]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _inside(inner)


def _bytes_by_dtype(ct: Any, program: Any) -> Counter[str]:
    """Bytes in the weight file by element type; constants stored inside the specification are too small to matter."""
    names = ct.proto.MIL_pb2.DataType
    found: dict[int, tuple[str, int]] = {}
    for operation in _operations(program):
        for value in _constants_of(operation):
            if value.WhichOneof("value") != "blobFileValue":
                continue
            tensor = value.type.tensorType
            dtype = names.Name(tensor.dataType).lower()
            count = math.prod(dimension.constant.size for dimension in tensor.dimensions)
            found[value.blobFileValue.offset] = dtype, count * _bits(dtype) // 8
    total: Counter[str] = Counter()
    for dtype, size in found.values():
        total[dtype] += size
    return total


def _constants_of(operation: Any) -> Iterator[Any]:
    """Values written into an operation: as attributes, or (from iOS 18 on) in place of an input."""
    yield from operation.attributes.values()
    for argument in operation.inputs.values():
        for binding in argument.arguments:
            if binding.WhichOneof("binding") == "value":
                yield binding.value


def _bits(dtype: str) -> int:
    digits = "".join(filter(str.isdigit, dtype))
    return int(digits) if digits else 8
