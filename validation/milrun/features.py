"""The inputs and outputs that a model file promises to its users, and conversion of values to and from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from validation.milrun.errors import ExecutionError, ModelFileError, PredictInputError
from validation.milrun.file.program import ValueType
from validation.milrun.file.size_limits import MAX_RANK

_ARRAY_TYPES: dict[int, type[np.generic]] = {
    65568: np.float32,
    65600: np.float64,
    131104: np.int32,
    131080: np.int8,
    65552: np.float16,
}
COLOR_SPACES = {10: "grayscale", 20: "rgb", 30: "bgr", 40: "grayscale_float16"}


@dataclass(frozen=True)
class Feature:
    """One input, output or state of a model.

    Attributes:
        kind: "array", "image", "state", "string", "int64", "double", "dictionary" or "sequence".
        shape: sizes of an array or state; (height, width) of an image; None where the file does not say.
        dtype: numpy type name of an array or state.
        color: "rgb", "bgr", "grayscale" or "grayscale_float16" of an image.
        allowed: every shape an input may have, if the file enumerates them.
        bounds: lowest and highest size of every dimension (None: no highest), if the file gives ranges.
        optional: the input may be left out.
        default: value of an optional array input that is left out.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    color: str | None = None
    allowed: tuple[tuple[int, ...], ...] = ()
    bounds: tuple[tuple[int, int | None], ...] = ()
    optional: bool = False
    default: float = 0.0

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Tell whether an array (or a picture of (height, width)) of this shape may be given."""
        if self.allowed:
            return shape in self.allowed
        if self.bounds:
            return len(shape) == len(self.bounds) and all(
                low <= size and (high is None or size <= high)
                for size, (low, high) in zip(shape, self.bounds, strict=True)
            )
        return self.shape is None or shape == self.shape

    def describe_shapes(self) -> str:
        """Name the shapes that are taken, for messages."""
        if self.allowed:
            return " or ".join(str(shape) for shape in self.allowed)
        if self.bounds:
            return "(" + ", ".join(f"{low}..{'any' if high is None else high}" for low, high in self.bounds) + ")"
        return str(self.shape)


def decode_feature(proto: Any) -> Feature:
    """Read a FeatureDescription message into a `Feature`.


    Raises:
        ModelFileError: a type that no ML Program has.
    """
    kind = proto.type.WhichOneof("kind")
    if kind == "imageType":
        return _image(proto.name, proto.type.imageType, proto.type.isOptional)
    if kind == "multiArrayType":
        return _array(proto.name, "array", proto.type.multiArrayType, proto.type.isOptional)
    if kind == "stateType":
        return _array(proto.name, "state", proto.type.stateType.arrayType, optional=False)
    if kind is None:
        raise ModelFileError(f"the model describes {proto.name!r} without a type; the package is damaged")
    return Feature(proto.name, kind.removesuffix("Type"), optional=proto.type.isOptional)


def _image(name: str, proto: Any, optional: bool) -> Feature:
    if proto.colorSpace not in COLOR_SPACES:
        raise ModelFileError(f"the picture {name!r} has colour space number {proto.colorSpace}, unknown to milrun")
    shape = (int(proto.height), int(proto.width))
    flexibility = proto.WhichOneof("flexibility")
    allowed: tuple[tuple[int, ...], ...] = ()
    bounds: tuple[tuple[int, int | None], ...] = ()
    if flexibility == "enumeratedSizes":
        allowed = tuple((int(size.height), int(size.width)) for size in proto.enumeratedSizes.sizes)
    elif flexibility == "imageSizeRange":
        bounds = (_range(proto.imageSizeRange.heightRange), _range(proto.imageSizeRange.widthRange))
    color = COLOR_SPACES[proto.colorSpace]
    return Feature(name, "image", shape, None, color, allowed, bounds, optional)


def _array(name: str, kind: str, proto: Any, optional: bool) -> Feature:
    if proto.dataType not in _ARRAY_TYPES:
        raise ModelFileError(f"{name!r} has array type number {proto.dataType}, unknown to milrun")
    shape = tuple(int(size) for size in proto.shape)
    if len(shape) > MAX_RANK or any(size < 0 for size in shape):
        raise ModelFileError(f"{name!r} is described with shape {shape}; the package is damaged")
    flexibility = proto.WhichOneof("flexibility")
    allowed: tuple[tuple[int, ...], ...] = ()
    bounds: tuple[tuple[int, int | None], ...] = ()
    if flexibility == "enumeratedShapes":
        allowed = tuple(tuple(int(size) for size in item.shape) for item in proto.enumeratedShapes.shapes)
    elif flexibility == "shapeRange":
        bounds = tuple(_range(item) for item in proto.shapeRange.sizeRanges)
    default = proto.WhichOneof("default")
    value = float(getattr(proto, default)) if default else 0.0
    dtype = np.dtype(_ARRAY_TYPES[proto.dataType]).name
    return Feature(name, kind, shape or None, dtype, None, allowed, bounds, optional, value)


def _range(proto: Any) -> tuple[int, int | None]:
    upper = int(proto.upperBound)
    return int(proto.lowerBound), None if upper < 0 else upper


def array_to_tensor(value: Any, feature: Feature, declared: ValueType) -> torch.Tensor:
    """Turn what the caller gave for an array input into the program's input tensor.


    Raises:
        PredictInputError: no numbers, or a shape the model does not take.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise PredictInputError(f"input {feature.name!r} is not an array: {error}") from error
    if array.dtype.kind not in "fiub":
        raise PredictInputError(f"input {feature.name!r} is {array.dtype}; give an array of numbers")
    if not feature.accepts(array.shape):
        raise PredictInputError(f"input {feature.name!r} has shape {array.shape}; give {feature.describe_shapes()}")
    return _as_declared(_tensor(array), declared)


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    if not array.flags.writeable or not array.flags.c_contiguous or array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("="), copy=True, order="C")
    return torch.from_numpy(array)


def _as_declared(tensor: torch.Tensor, declared: ValueType) -> torch.Tensor:
    if declared.dtype is None or declared.dtype.held is None:
        return tensor
    if declared.dtype.name == "float16":
        tensor = tensor.to(torch.float16)
    if declared.shape is not None and len(declared.shape) != tensor.dim() and None not in declared.shape:
        tensor = tensor.reshape([size for size in declared.shape if size is not None])
    return tensor.to(declared.dtype.held)


def output_value(value: Any, feature: Feature) -> Any:
    """Turn a result of the program into what the caller gets.


    Returns:
        array: numpy array of the described type; a single number has shape (1,), as in Core ML, whose arrays have at
        least one axis. image: uint8 (height, width, 3) in RGB order, or uint8
        (height, width) for grayscale, or float16 (height, width) for float grayscale; values are clamped to 0..255
        and rounded. string, int64, dictionary: the Python value.
    """
    if feature.kind == "image":
        return _picture(value, feature)
    if isinstance(value, torch.Tensor):
        array = value.numpy() if value.dim() else value.reshape(1).numpy()
        return array.astype(feature.dtype or array.dtype, copy=True)
    return value


def _picture(value: Any, feature: Feature) -> NDArray[Any]:
    if not isinstance(value, torch.Tensor) or value.dim() != 4 or value.shape[0] != 1:
        raise ExecutionError(f"output {feature.name!r} is described as a picture, but is not one of shape 1xCxHxW")
    if feature.color == "grayscale_float16":
        plane: NDArray[Any] = value[0, 0].numpy().astype(np.float16)
        return plane
    pixels = value[0].clamp(0, 255).round().to(torch.uint8).numpy()
    if feature.color == "grayscale":
        return np.ascontiguousarray(pixels[0])
    return np.ascontiguousarray((pixels if feature.color == "rgb" else pixels[::-1]).transpose(1, 2, 0))
