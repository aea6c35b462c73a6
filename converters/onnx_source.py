"""Reads from an ONNX file what a ModelSource must state: sizes, classes, parameters."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from converters.errors import MissingToolError, SourceError


@dataclass(frozen=True)
class OnnxDescription:
    """An ONNX segmentation network, as found in its file.

    Attributes:
        input_name, output_name: names of the picture and of the logits.
        input_size, output_size: (height, width).
        classes: channels of the logits.
        class_names: from the metadata entry ``names``, ``classes`` or ``segport.classes``, if there is a usable one.
        parameters: number of initializer elements.
    """

    input_name: str
    output_name: str
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    classes: int
    class_names: tuple[str, ...]
    parameters: int


def describe_onnx(path: Path) -> OnnxDescription:
    """Describe an ONNX file with one NCHW picture input and one NCHW logits output, both of fixed size.

    Raises:
        SourceError: missing or damaged file, several inputs or outputs, free sizes, or not an image network.
        MissingToolError: the onnx package is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingToolError(
            'reading ONNX models needs the onnx package; run: pip install "segport[onnx]"'
        ) from error
    if not path.is_file():
        raise SourceError(f"{path} does not exist; give the path of an ONNX file")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        model = onnx.shape_inference.infer_shapes(model)
    except Exception as error:  # protobuf, checker and C++ errors share no base class
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise SourceError(f"{path} is not a usable ONNX model ({reason}); export it again") from error
    stored = {item.name for item in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in stored]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise SourceError(
            f"{path} has {len(inputs)} inputs and {len(model.graph.output)} outputs; export it with one picture in and "
            "one logits tensor out"
        )
    picture, logits = _shape(inputs[0], path), _shape(model.graph.output[0], path)
    if picture[1] != 3:
        raise SourceError(f"{path} takes {picture[1]} channels; segport needs one RGB picture, (1, 3, H, W)")
    return OnnxDescription(
        input_name=inputs[0].name,
        output_name=model.graph.output[0].name,
        input_size=(picture[2], picture[3]),
        output_size=(logits[2], logits[3]),
        classes=logits[1],
        class_names=_class_names(model, logits[1]),
        parameters=sum(prod(item.dims) for item in model.graph.initializer),
    )


def _shape(value: Any, path: Path) -> tuple[int, ...]:
    sizes = tuple(
        dimension.dim_value if dimension.HasField("dim_value") else 0 for dimension in value.type.tensor_type.shape.dim
    )
    if len(sizes) != 4 or sizes[0] != 1 or not all(sizes):
        shown = "x".join(str(size) if size else "?" for size in sizes)
        raise SourceError(
            f"{path}: {value.name!r} has shape {shown}; export with fixed sizes and a batch of one, as (1, C, H, W)"
        )
    return sizes


def _class_names(model: Any, count: int) -> tuple[str, ...]:
    for entry in model.metadata_props:
        if entry.key not in ("names", "classes", "segport.classes"):
            continue
        try:
            found = ast.literal_eval(entry.value)
        except (ValueError, SyntaxError):
            continue
        names = tuple(found.values()) if isinstance(found, dict) else found
        if isinstance(names, list | tuple) and len(names) == count and all(isinstance(name, str) for name in names):
            return tuple(names)
    return ()
