"""A .tflite file taken apart without running it: operators, tensors and the bytes of its constants.

Source: the TensorFlow Lite schema (schema.fbs), as generated into `ai_edge_litert.schema_py_generated`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converters.errors import SourceError
from converters.tools.importing import tool

IDENTIFIER = b"TFL3"
_SHORT = 16
"""Constants of up to this many int32 values are sizes, axes and the like."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of a graph; `constant_bytes` is 0 for activations, `buffer` numbers the storage constants share.

    `integers` holds the values of short int32 constants (sizes, axes, strides). `scales` and `zero_points` hold one
    value, or one a channel; they are empty for tensors that are not quantized.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantized: bool
    constant_bytes: int
    buffer: int
    integers: tuple[int, ...] = ()
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()


@dataclass(frozen=True)
class Operator:
    """One operation: its schema name, the tensors it reads (-1: none there) and writes, and its options by schema name.

    A custom operation has its own name, and its options are bytes under "customOptions".
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """One subgraph, operators in execution order."""

    steps: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def operators(self) -> tuple[str, ...]:
        """Schema names in execution order."""
        return tuple(step.name for step in self.steps)


@dataclass(frozen=True)
class Signature:
    """A callable of the file: argument name -> position in its graph's tensors."""

    name: str
    graph: int
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass(frozen=True)
class TFLiteFile:
    """The whole file."""

    version: int
    graphs: tuple[Graph, ...]
    signatures: tuple[Signature, ...]


def read_model(path: Path) -> TFLiteFile:
    """Parse a .tflite file.

    Raises:
        SourceError: not a TFLite file, or a damaged one.
        MissingToolError: ai-edge-litert is not installed.
    """
    schema = tool("ai_edge_litert.schema_py_generated", "tflite")
    if not path.is_file():
        raise SourceError(f"{path} is not a file; give the path of a .tflite")
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise SourceError(f"{path} is not a TFLite file (it lacks the mark TFL3); convert the model again")
    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        found = TFLiteFile(
            version=model.version,
            graphs=tuple(_graph(schema, model, graph) for graph in model.subgraphs),
            signatures=tuple(_signature(item) for item in model.signatureDefs or []),
        )
        _check_references(found)
        return found
    except (struct.error, LookupError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is a damaged TFLite file; convert the model again") from error


def _check_references(model: TFLiteFile) -> None:
    """Raise IndexError unless every number of a tensor or graph is one that the file has; -1 is an input left out."""
    for graph in model.graphs:
        named = [*graph.inputs, *graph.outputs]
        named += [place for step in graph.steps for place in (*step.inputs, *step.outputs)]
        if any(not -1 <= place < len(graph.tensors) for place in named):
            raise IndexError("a tensor that the graph does not have")
    for signature in model.signatures:
        ends = (*signature.inputs.values(), *signature.outputs.values())
        tensors = len(model.graphs[signature.graph].tensors)
        if signature.graph < 0 or any(not 0 <= place < tensors for place in ends):
            raise IndexError("a tensor that the signature's graph does not have")


def _graph(schema: Any, model: Any, graph: Any) -> Graph:
    operator_names = _names(schema.BuiltinOperator)
    codes = [
        (
            (code.customCode or b"CUSTOM").decode()
            if code.builtinCode == schema.BuiltinOperator.CUSTOM
            else operator_names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        )
        for code in model.operatorCodes
    ]
    type_names = _names(schema.TensorType)
    return Graph(
        steps=tuple(
            Operator(
                name=codes[operator.opcodeIndex],
                inputs=_numbers(operator.inputs),
                outputs=_numbers(operator.outputs),
                options=_options(operator),
            )
            for operator in graph.operators
        ),
        tensors=tuple(
            Tensor(
                name=(tensor.name or b"").decode(),
                dtype=type_names[tensor.type].lower(),
                shape=tuple(int(size) for size in (tensor.shape if tensor.shape is not None else ())),
                quantized=tensor.quantization is not None and tensor.quantization.scale is not None,
                constant_bytes=_stored(model.buffers[tensor.buffer]),
                buffer=tensor.buffer,
                integers=_short_integers(model.buffers[tensor.buffer].data, type_names[tensor.type]),
                scales=() if tensor.quantization is None else _floats(tensor.quantization.scale),
                zero_points=() if tensor.quantization is None else _numbers(tensor.quantization.zeroPoint),
            )
            for tensor in graph.tensors
        ),
        inputs=_numbers(graph.inputs),
        outputs=_numbers(graph.outputs),
    )


def _options(operator: Any) -> dict[str, Any]:
    if operator.builtinOptions is not None:
        return dict(vars(operator.builtinOptions))
    return {} if operator.customOptions is None else {"customOptions": bytes(operator.customOptions)}


def _short_integers(content: Any, dtype: str) -> tuple[int, ...]:
    if content is None or dtype != "INT32" or len(content) > 4 * _SHORT:
        return ()
    return struct.unpack(f"<{len(content) // 4}i", bytes(content))


def _numbers(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(int(value) for value in values)


def _floats(values: Any) -> tuple[float, ...]:
    return () if values is None else tuple(float(value) for value in values)


def _stored(buffer: Any) -> int:
    """Bytes of a buffer, whether it lies inside the flatbuffer or behind it (files above 2 GB)."""
    return len(buffer.data) if buffer.data is not None else int(buffer.size)


def _signature(item: Any) -> Signature:
    return Signature(
        name=item.signatureKey.decode(),
        graph=item.subgraphIndex,
        inputs={entry.name.decode(): entry.tensorIndex for entry in item.inputs},
        outputs={entry.name.decode(): entry.tensorIndex for entry in item.outputs},
    )


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
