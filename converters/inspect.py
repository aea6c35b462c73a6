"""What stands in an artifact: interface, operators, types and bytes, read without running it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from converters.artifact import content_hash, content_size
from converters.errors import SourceError
from converters.formats.coreml.file.program import read_program
from converters.formats.tflite.file.flatbuffer import Tensor, read_model
from converters.tools.importing import tool


@dataclass(frozen=True)
class Fact:
    """One line of a description; lines of one `section` follow each other."""

    section: str
    key: str
    value: str


def describe(path: Path) -> list[Fact]:
    """Describe a .tflite, .mlpackage or .onnx artifact.

    Raises:
        SourceError: missing, damaged, or of another kind.
        MissingToolError: the package that reads this kind is not installed.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist; give the path of a .tflite, .mlpackage or .onnx artifact")
    try:
        read = _READERS[path.suffix]
    except KeyError:
        raise SourceError(f"{path} is none of the artifacts known here: {', '.join(_READERS)}") from None
    if not (path.is_dir() if path.suffix == ".mlpackage" else path.is_file()):
        kind = "a folder" if path.is_dir() else "a file" if path.is_file() else "a device or a pipe"
        raise SourceError(f"{path} is {kind}, which no {path.suffix} artifact is; convert the model again")
    facts = read(path)
    return [
        Fact("file", "path", str(path)),
        Fact("file", "bytes", f"{content_size(path):,}"),
        Fact("file", "sha256", content_hash(path)),
        *facts,
    ]


def _tflite(path: Path) -> list[Fact]:
    model = read_model(path)
    tensors = [tensor for graph in model.graphs for tensor in graph.tensors]
    facts = [Fact("format", "TFLite schema", str(model.version)), Fact("format", "subgraphs", str(len(model.graphs)))]
    for signature in model.signatures:
        ends_of = model.graphs[signature.graph].tensors
        for direction, ends in (("input", signature.inputs), ("output", signature.outputs)):
            facts += [
                Fact(f"signature {signature.name}", f"{direction} {name}", _tensor_words(ends_of[index]))
                for name, index in ends.items()
            ]
    facts += _counted("operators", Counter(name for graph in model.graphs for name in graph.operators))
    activations = [tensor for tensor in tensors if tensor.constant_bytes == 0]
    facts += _counted("activation tensors", Counter(tensor.dtype for tensor in activations))
    stored = {tensor.buffer: tensor for tensor in tensors if tensor.constant_bytes}
    return facts + _bytes((tensor.dtype, tensor.constant_bytes) for tensor in stored.values())


def _tensor_words(tensor: Tensor) -> str:
    quantized = ", quantized" if tensor.quantized else ""
    return f"{tensor.dtype} {' x '.join(map(str, tensor.shape))}{quantized}"


def _core_ml(path: Path) -> list[Fact]:
    program = read_program(path)
    facts = [
        Fact("format", "specification version", str(program.specification_version)),
        Fact("format", "deployment target", program.deployment_target),
        Fact("format", "functions", ", ".join(function.name for function in program.functions)),
    ]
    for function in program.functions:
        section = "interface" if len(program.functions) == 1 else f"function {function.name}"
        facts += [Fact(section, f"input {item.name}", item.words()) for item in function.inputs]
        facts += [Fact(section, f"output {item.name}", item.words()) for item in function.outputs]
    facts += _counted("operators", program.operators)
    facts += _bytes(program.bytes_by_dtype.items())
    return facts + [Fact("metadata", key, value) for key, value in program.metadata.items()]


def _onnx(path: Path) -> list[Fact]:
    onnx = tool("onnx", "onnx")
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker each raise their own types
        raise SourceError(f"{path} is not a readable ONNX model; convert the model again") from error
    constants = {item.name for item in model.graph.initializer}
    facts = [Fact("format", f"opset {item.domain or 'ai.onnx'}", str(item.version)) for item in model.opset_import]
    facts.append(Fact("format", "producer", f"{model.producer_name} {model.producer_version}".strip()))
    for direction, values in (("input", model.graph.input), ("output", model.graph.output)):
        for value in values:
            if value.name in constants:
                continue
            tensor = value.type.tensor_type
            shape = " x ".join(str(size.dim_value or size.dim_param or "?") for size in tensor.shape.dim)
            facts.append(Fact("interface", f"{direction} {value.name}", f"{_onnx_type(tensor.elem_type).name} {shape}"))
    facts += _counted("operators", Counter(node.op_type for node in model.graph.node))
    facts += _bytes(
        (_onnx_type(item.data_type).name, _onnx_type(item.data_type).itemsize * math.prod(item.dims))
        for item in model.graph.initializer
    )
    return facts + [Fact("metadata", str(item.key), str(item.value)) for item in model.metadata_props]


def _onnx_type(number: int) -> np.dtype[Any]:
    found: np.dtype[Any] = tool("onnx", "onnx").helper.tensor_dtype_to_np_dtype(number)
    return found


def _counted(section: str, counts: Counter[str]) -> list[Fact]:
    return [Fact(section, name, str(count)) for name, count in counts.most_common()]


def _bytes(sizes: Iterable[tuple[str, int]]) -> list[Fact]:
    total: Counter[str] = Counter()
    for dtype, size in sizes:
        total[dtype] += size
    return [Fact("constants", dtype, f"{size:,} bytes") for dtype, size in total.most_common()]


_READERS: dict[str, Callable[[Path], list[Fact]]] = {".tflite": _tflite, ".mlpackage": _core_ml, ".onnx": _onnx}
