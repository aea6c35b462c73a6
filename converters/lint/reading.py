"""Files into the lint's form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from converters.errors import SourceError
from converters.formats.coreml.file.package import load_specification
from converters.formats.tflite.file.flatbuffer import Graph, Tensor, read_model
from converters.lint.graph import LintGraph, Step, Value


def read_graph(path: Path, signature: str | None = None) -> LintGraph | None:
    """Read the operations of an artifact's graph; None for formats that no target of the lint runs.


    Raises:
        SourceError: missing, damaged, or of another kind.
        MissingToolError: the package that reads this kind is not installed.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist; give the path of a .tflite, .mlpackage or .onnx artifact")
    if path.suffix == ".tflite":
        return _tflite(path, signature)
    if path.suffix == ".mlpackage":
        return _core_ml(path, signature)
    if path.suffix == ".onnx":
        return None
    raise SourceError(f"{path} is none of the artifacts known here: .tflite, .mlpackage, .onnx")


def _tflite(path: Path, signature: str | None) -> LintGraph:
    model = read_model(path)
    graph = model.graphs[next((item.graph for item in model.signatures if item.name == signature), 0)]

    constant = {place for place, tensor in enumerate(graph.tensors) if tensor.constant_bytes > 0}

    def values(places: tuple[int, ...]) -> tuple[Value, ...]:
        return tuple(_tensor(graph, place, place in constant) for place in places if place >= 0)

    steps = []
    for step in graph.steps:
        # What is made of constants alone (weights widened from 16 bits) is constant for whoever reads it.
        inputs = values(step.inputs)
        if all(value.constant for value in inputs):
            constant |= set(step.outputs)
        steps.append(Step(step.name, inputs, values(step.outputs), step.options))
    return LintGraph("tflite", tuple(steps), tuple(_name(graph, place) for place in graph.inputs))


def _tensor(graph: Graph, place: int, constant: bool) -> Value:
    tensor: Tensor = graph.tensors[place]
    return Value(_name(graph, place), tensor.dtype, tensor.shape, constant, tensor.integers)


def _name(graph: Graph, place: int) -> str:
    """Make a unique name: the same one may stand on two tensors."""
    return f"{graph.tensors[place].name}#{place}"


def _core_ml(path: Path, signature: str | None) -> LintGraph:
    program = load_specification(path).mlProgram
    functions = program.functions
    if not functions:
        raise SourceError(f"{path} is not an ML Program; convert the model again for iOS15 or later")
    function = (
        functions[signature]
        if signature is not None and signature in functions
        else functions.get("main") or next(iter(functions.values()))
    )
    block = function.block_specializations[function.opset]
    constants: dict[str, Any] = {}
    known: dict[str, Value] = {item.name: _named_value(item, constant=False) for item in function.inputs}
    steps = []
    for operation in block.operations:
        constant = operation.type == "const" or operation.type.startswith("constexpr_")
        outputs = tuple(_named_value(item, constant=constant) for item in operation.outputs)
        known |= {value.name: value for value in outputs}
        if constant:
            constants |= {value.name: operation.attributes.get("val") for value in outputs}
            continue
        inputs = tuple(known[name] for name in _argument_names(operation) if name in known)
        steps.append(Step(operation.type, inputs, outputs, _options(operation, constants)))
    return LintGraph("coreml", tuple(steps), tuple(item.name for item in function.inputs))


def _argument_names(operation: Any) -> Iterator[str]:
    for argument in operation.inputs.values():
        for part in argument.arguments:
            if part.WhichOneof("binding") == "name":
                yield part.name


def _options(operation: Any, constants: dict[str, Any]) -> dict[str, Any]:
    """Integer arguments that are stored in the program, such as dilations."""
    found = {}
    for key, argument in operation.inputs.items():
        for part in argument.arguments:
            value = part.value if part.WhichOneof("binding") == "value" else constants.get(part.name)
            integers = () if value is None else tuple(value.immediateValue.tensor.ints.values)
            if integers:
                found[key] = integers
    return found


def _named_value(item: Any, *, constant: bool) -> Value:
    kind = item.type.tensorType
    shape = tuple(int(size.constant.size) for size in kind.dimensions if size.WhichOneof("dimension") == "constant")
    return Value(item.name, _CORE_ML_TYPES.get(kind.dataType, "other"), shape, constant)


_CORE_ML_TYPES = {
    1: "bool",
    2: "string",
    10: "float16",
    11: "float32",
    12: "float64",
    21: "int8",
    22: "int16",
    23: "int32",
    24: "int64",
    31: "uint8",
}
"""MIL.proto's DataType by number."""
