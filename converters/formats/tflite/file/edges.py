"""The integers at the ends of a .tflite file, and how much work lies between them; read without running it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from converters.artifact import Quantization
from converters.formats.tflite.file.flatbuffer import Graph, Tensor, read_model


@dataclass(frozen=True)
class IntegerEnd:
    """What real values become at an end of a graph; `declared` if the file's own input or output has this type."""

    dtype: str
    quantization: Quantization
    declared: bool


@dataclass(frozen=True)
class Ends:
    """The integer ends of one graph, None where values stay floats, and its multiply-accumulates."""

    input: IntegerEnd | None
    output: IntegerEnd | None
    multiply_adds: int


def read_ends(path: Path, signature: str | None = None) -> Ends:
    """Ends of the graph that `signature` names, or of the first one.

    Raises:
        SourceError: not a TFLite file, or a damaged one.
        MissingToolError: ai-edge-litert is not installed.
    """
    model = read_model(path)
    number = next((item.graph for item in model.signatures if item.name == signature), 0)
    graph = model.graphs[number]
    return Ends(_input(graph), _output(graph), sum(_multiply_adds(graph, place) for place in range(len(graph.steps))))


def _input(graph: Graph) -> IntegerEnd | None:
    """The input's own integers, or those of the QUANTIZE that is all that reads it."""
    (index, *_) = graph.inputs or (-1,)
    readers = [step for step in graph.steps if index in step.inputs]
    own = _integers(graph.tensors[index], declared=True) if index >= 0 else None
    if own is not None or not readers or any(step.name != "QUANTIZE" for step in readers):
        return own
    return _integers(graph.tensors[readers[0].outputs[0]], declared=False)


def _output(graph: Graph) -> IntegerEnd | None:
    """The output's own integers, or those that the DEQUANTIZE behind it reads."""
    (index, *_) = graph.outputs or (-1,)
    own = _integers(graph.tensors[index], declared=True) if index >= 0 else None
    writers = [step for step in graph.steps if index in step.outputs]
    if own is not None or not writers or writers[-1].name != "DEQUANTIZE":
        return own
    return _integers(graph.tensors[writers[-1].inputs[0]], declared=False)


def _integers(tensor: Tensor, *, declared: bool) -> IntegerEnd | None:
    if not tensor.dtype.startswith(("int", "uint")) or len(tensor.scales) != 1:
        return None
    zero = tensor.zero_points[0] if tensor.zero_points else 0
    return IntegerEnd(tensor.dtype, Quantization(tensor.scales[0], zero), declared)


def _multiply_adds(graph: Graph, place: int) -> int:
    """Of convolutions and matrix products; other operations are small beside them."""
    step = graph.steps[place]
    if step.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL"):
        return 0
    answer = graph.tensors[step.outputs[0]].shape
    weights = graph.tensors[step.inputs[1]].shape
    if step.name == "DEPTHWISE_CONV_2D":
        return math.prod(answer) * math.prod(weights[1:3])
    if step.name == "TRANSPOSE_CONV":
        return math.prod(graph.tensors[step.inputs[2]].shape) * math.prod(weights[:3])
    return (
        math.prod(answer) * math.prod(weights[1:]) if step.name != "BATCH_MATMUL" else math.prod(answer) * weights[-2]
    )
