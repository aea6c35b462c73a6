"""How much memory a .tflite graph's activations need, worked out from the file: who is alive when, and how closely they
pack.

A tensor lives from the operation that writes it to the last one that reads it; inputs and outputs of the graph live
throughout, as in TensorFlow Lite's planner (tensorflow/lite/arena_planner.cc). The sum of what is alive at one
operation is a bound from below for any runtime that makes every tensor. The arena is what TensorFlow Lite's rule gives:
largest tensors first, each at the lowest offset where no tensor of an overlapping life lies, in steps of 64 bytes
(tensorflow/lite/simple_memory_arena.cc; Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
arXiv 2001.03288).

Left out, because no file tells them: scratch memory of kernels, packed copies of weights, and what a delegate merges or
makes in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

from converters.errors import SourceError
from converters.formats.tflite.file.flatbuffer import Graph, read_model

ALIGNMENT = 64
_BITS = {
    "float64": 64,
    "int64": 64,
    "uint64": 64,
    "complex64": 64,
    "complex128": 128,
    "float32": 32,
    "int32": 32,
    "uint32": 32,
    "float16": 16,
    "bfloat16": 16,
    "int16": 16,
    "uint16": 16,
    "int8": 8,
    "uint8": 8,
    "bool": 8,
    "int4": 4,
    "uint4": 4,
    "int2": 2,
}


@dataclass(frozen=True)
class Life:
    """An activation: the operations between which it lives, both included, and where it lies in the arena."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    first: int
    last: int
    offset: int


@dataclass(frozen=True)
class ArenaPlan:
    """The plan of one graph.

    Attributes:
        peak_bytes: most bytes alive at one operation.
        place, kind: of the first operation at which they are.
        alive: the tensors alive there, largest first.
        arena_bytes: of the arena that holds every activation.
        widened_bytes: constants that an operation of the graph makes from smaller ones (float16 weights as float32); a
            runtime may make them once and keep them, apart from the arena.
        lives: all activations, in the order they begin.
    """

    peak_bytes: int
    place: int
    kind: str
    alive: tuple[Life, ...]
    arena_bytes: int
    widened_bytes: int
    lives: tuple[Life, ...]


def plan_arena(path: Path, signature: str | None = None) -> ArenaPlan:
    """Plan the graph of a .tflite file that `signature` names, or its first.

    Raises:
        SourceError: not a TFLite file, a damaged one, no such signature, or sizes that are known only when it runs.
        MissingToolError: ai-edge-litert is not installed.
    """
    model = read_model(path)
    known = {item.name: item.graph for item in model.signatures}
    if signature is not None and signature not in known:
        raise SourceError(f"{path} has no signature {signature!r}; it has: {', '.join(known) or 'none'}")
    graph = model.graphs[0 if signature is None else known[signature]]
    if not graph.steps:
        raise SourceError(f"{path} has no operations; convert the model again")
    constant, widened = _constants(graph)
    spans = _spans(graph, constant)
    sizes = {place: tensor_bytes(graph, place, path) for place in spans}
    offsets = _packed(spans, sizes)
    lives = tuple(
        Life(
            graph.tensors[place].name,
            graph.tensors[place].dtype,
            graph.tensors[place].shape,
            sizes[place],
            first,
            last,
            offsets[place],
        )
        for place, (first, last) in sorted(spans.items(), key=lambda item: (item[1], item[0]))
    )
    held = [sum(life.bytes for life in lives if life.first <= place <= life.last) for place in range(len(graph.steps))]
    peak = max(range(len(held)), key=held.__getitem__)
    alive = sorted((life for life in lives if life.first <= peak <= life.last), key=lambda life: -life.bytes)
    return ArenaPlan(
        peak_bytes=held[peak],
        place=peak,
        kind=graph.steps[peak].name,
        alive=tuple(alive),
        arena_bytes=max(life.offset + life.bytes for life in lives),
        widened_bytes=sum(tensor_bytes(graph, place, path) for place in widened),
        lives=lives,
    )


def tensor_bytes(graph: Graph, place: int, path: Path) -> int:
    """Bytes of a tensor's values; raises SourceError for sizes or types that the file does not fix."""
    tensor = graph.tensors[place]
    if any(size < 0 for size in tensor.shape) or tensor.dtype not in _BITS:
        raise SourceError(
            f"{path} leaves the size of {tensor.name} ({tensor.dtype} {tensor.shape}) to the moment it runs; "
            "convert it with fixed sizes"
        )
    return -(-prod(tensor.shape) * _BITS[tensor.dtype] // 8)


def _constants(graph: Graph) -> tuple[set[int], set[int]]:
    """Tensors that are constant, and those of them that an operation makes."""
    constant = {place for place, tensor in enumerate(graph.tensors) if tensor.constant_bytes}
    made: set[int] = set()
    for step in graph.steps:
        given = [place for place in step.inputs if place >= 0]
        if given and all(place in constant for place in given):
            made |= set(step.outputs)
            constant |= set(step.outputs)
    return constant, made


def _spans(graph: Graph, constant: set[int]) -> dict[int, tuple[int, int]]:
    """First and last operation of every activation's life."""
    end = len(graph.steps) - 1
    spans = dict.fromkeys(graph.inputs, (0, end))
    for number, step in enumerate(graph.steps):
        for place in (*step.outputs, *step.inputs):
            if place >= 0 and place not in constant:
                first, last = spans.get(place, (number, number))
                spans[place] = (first, max(last, number))
    for place in graph.outputs:
        if place in spans:
            spans[place] = (spans[place][0], end)
    return spans


def _packed(spans: dict[int, tuple[int, int]], sizes: dict[int, int]) -> dict[int, int]:
    """Offsets in the arena: whoever lives throughout first, then the largest, at the lowest place that is free all its
    life."""
    longest = max(last for _, last in spans.values())

    def order(place: int) -> tuple[bool, int, int]:
        return (spans[place] != (0, longest), -sizes[place], spans[place][0])

    offsets: dict[int, int] = {}
    for place in sorted(spans, key=order):
        first, last = spans[place]
        beside = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if spans[other][0] <= last and first <= spans[other][1]
        )
        offset = 0
        for start, stop in beside:
            if offset + sizes[place] <= start:
                break
            offset = max(offset, -(-stop // ALIGNMENT) * ALIGNMENT)
        offsets[place] = offset
    return offsets
