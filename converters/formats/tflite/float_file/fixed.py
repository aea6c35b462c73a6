"""Values in a float .tflite file that no picture changes: LiteRT computes them once, here, and not a phone for every
picture.

    constants -> CONCATENATION, GATHER_ND, TRANSPOSE, ... -> ADD(picture's, -)    ->    ADD(picture's, constant)

BEiT gathers its position biases out of a resized table, layer by layer: 81 operations of 498. coremltools does the same
by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.formats.tflite.file.flatbuffer import Graph, read_model
from converters.tools.importing import tool

LARGEST_GROWTH = 1 << 18
"""Bytes: a result that is larger than what it is made of by more than this is left to the phone, which has less room
than time."""
_NOT_THE_SAME_TWICE = ("RANDOM", "MULTINOMIAL", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "HASHTABLE", "CUSTOM")


@dataclass(frozen=True)
class Fixed:
    """What a file's only graph computes of constants alone.

    Attributes:
        tensors: all such tensors, by number.
        values: those to be stored, which something that depends on the picture reads.
    """

    tensors: frozenset[int]
    values: dict[int, NDArray[Any]]


def fixed_values(path: Path) -> Fixed:
    """Find and compute them; a file of several graphs has none."""
    graph, *others = read_model(path).graphs
    sources = {} if others else _fixed(graph)
    if not sources:
        return Fixed(frozenset(), {})
    read = {number for step in graph.steps if not set(step.outputs) & set(sources) for number in step.inputs}
    values = _computed(path, sorted(read & set(sources)))
    kept = {
        number: value
        for number, value in values.items()
        if value.nbytes <= LARGEST_GROWTH + sum(graph.tensors[source].constant_bytes for source in sources[number])
    }
    return Fixed(frozenset(sources), kept)


def _fixed(graph: Graph) -> dict[int, frozenset[int]]:
    """Tensors that are computed of constants alone, the answer apart -> those constants."""
    constants = {number for number, tensor in enumerate(graph.tensors) if tensor.constant_bytes}
    found: dict[int, frozenset[int]] = {}
    for step in graph.steps:
        given = [number for number in step.inputs if number >= 0]
        replaceable = not step.name.startswith(_NOT_THE_SAME_TWICE) and not set(step.outputs) & set(graph.outputs)
        if replaceable and given and all(number in constants or number in found for number in given):
            sources = frozenset().union(*(found.get(number, frozenset({number})) for number in given))
            found.update(dict.fromkeys(step.outputs, sources))
    return found


def _computed(path: Path, numbers: list[int]) -> dict[int, NDArray[Any]]:
    """Run the file once, on any picture, and look at those tensors."""
    interpreter_module = tool("ai_edge_litert.interpreter", "tflite")
    interpreter = interpreter_module.Interpreter(
        model_path=str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=interpreter_module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    for entry in interpreter.get_input_details():
        interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
    interpreter.invoke()
    return {number: np.array(interpreter.get_tensor(number)) for number in numbers}
