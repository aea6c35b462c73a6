"""Reads ONNX files, and what a ModelSource must state of one: sizes, classes, parameters."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from converters.artifact import content_hash
from converters.errors import MissingToolError, SourceError, in_one_line
from converters.onnx_sources.nodes import in_order, put_in_order


@dataclass(frozen=True)
class OnnxDescription:
    """An ONNX segmentation network, as found in its file.

    Attributes:
        input_name, output_name: names of the picture and of the logits.
        input_size, output_size: (height, width).
        classes: channels of the logits.
        class_names: from the metadata entry ``names``, ``classes`` or ``segport.classes``, if there is a usable one.
        parameters: number of initializer elements.
        channels: of the picture.
    """

    input_name: str
    output_name: str
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    classes: int
    class_names: tuple[str, ...]
    parameters: int
    channels: int = 3


def read_onnx(path: Path) -> Any:
    """The checked onnx.ModelProto of a file, with the weights that lie in files beside it, and its nodes in the order
    of execution.

    Raises:
        SourceError: missing or damaged file.
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
        if not in_order(model.graph):  # ONNX asks for an order, and some converters to float16 keep none
            put_in_order(model.graph)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf, checker and C++ errors share no base class
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise SourceError(f"{path} is not a usable ONNX model ({reason}); export it again") from error
    return model


def stands_in_order(path: Path) -> bool:
    """True if the nodes of an ONNX file stand in the order of execution, as its readers expect; raises SourceError
    as `weights_beside`.
    """
    return in_order(_graph_alone(path))


def onnx_hash(path: Path, beside: Sequence[str]) -> str:
    """SHA-256 of an ONNX file and of the names and contents of the files in which its weights lie (`weights_beside`).

    Raises:
        SourceError: one of the files cannot be read.
    """
    if not beside:
        return content_hash(path)
    state = hashlib.sha256(content_hash(path).encode())
    for name in beside:
        try:
            state.update(f"\0{name}\0{content_hash(path.parent / name)}".encode())
        except OSError as error:
            raise SourceError(
                f"{path} keeps weights in {name}, which cannot be read ({error}); put it beside"
            ) from error
    return state.hexdigest()


def weights_beside(path: Path) -> tuple[str, ...]:
    """Names of the files, relative to `path`, in which the model keeps its weights; none for a model in one file."""
    tensors = _tensors(_graph_alone(path))
    return tuple(
        sorted({entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"})
    )


def _graph_alone(path: Path) -> Any:
    import onnx

    try:
        return onnx.load(path, load_external_data=False).graph
    except Exception as error:  # protobuf's errors share no base class
        raise SourceError(f"{path} is not a usable ONNX model ({in_one_line(error)}); export it again") from error


def picture_and_answers(model: Any) -> tuple[list[Any], list[Any]]:
    """The graph's inputs that are no stored tensors, and its outputs."""
    stored = {item.name for item in model.graph.initializer}
    return [item for item in model.graph.input if item.name not in stored], list(model.graph.output)


def sizes_of(value: Any) -> tuple[int, ...]:
    """Shape of a graph input or output; 0 where a size is left open."""
    return tuple(
        dimension.dim_value if dimension.HasField("dim_value") else 0 for dimension in value.type.tensor_type.shape.dim
    )


def describe_onnx(path: Path) -> OnnxDescription:
    """Describe an ONNX file with one NCHW picture input and one NCHW logits output, both of fixed size.

    Raises:
        SourceError: missing or damaged file, several inputs or outputs, free sizes, or not an image network.
        MissingToolError: the onnx package is not installed.
    """
    return described(read_onnx(path), path)


def described(model: Any, path: Path) -> OnnxDescription:
    """As `describe_onnx`, of a model that has been read from `path`."""
    import onnx

    model = onnx.shape_inference.infer_shapes(model)
    inputs, outputs = picture_and_answers(model)
    if len(inputs) != 1 or len(outputs) != 1:
        raise SourceError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; export it with one picture in and "
            "one logits tensor out"
        )
    picture, logits = _fixed(inputs[0], path), _fixed(outputs[0], path)
    return OnnxDescription(
        input_name=inputs[0].name,
        output_name=outputs[0].name,
        input_size=(picture[2], picture[3]),
        output_size=(logits[2], logits[3]),
        classes=logits[1],
        class_names=stored_class_names(model, logits[1]),
        parameters=count_parameters(model),
        channels=picture[1],
    )


def count_parameters(model: Any) -> int:
    """Number of elements of stored tensors."""
    return sum(prod(item.dims) for item in model.graph.initializer)


def _fixed(value: Any, path: Path) -> tuple[int, ...]:
    sizes = sizes_of(value)
    if len(sizes) != 4 or sizes[0] != 1 or not all(sizes):
        shown = "x".join(str(size) if size else "?" for size in sizes)
        raise SourceError(
            f"{path}: {value.name!r} has shape {shown}; export with fixed sizes and a batch of one, as (1, C, H, W)"
        )
    return sizes


def stored_class_names(model: Any, count: int) -> tuple[str, ...]:
    """Class names in the file's metadata, where there are `count` of them."""
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


def _tensors(graph: Any) -> Iterator[Any]:
    """Every stored tensor of a graph and of those inside its operations."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _tensors(inner)
