"""Keep the ranges of neighbouring tensors within what XNNPACK's integer kernels can rescale.

A branch that is zero on every calibration picture, or a mean of next to nothing, has a range thousands of times
narrower than what it is made of or added to. XNNPACK multiplies by the ratio of two steps as a short integer, and
refuses the whole file where the ratio is out of reach ("failed to create XNNPACK runtime"). Such a tensor gets steps as
wide as needed; its values round to zero then, as they do in the sum that they go into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters.formats.tflite.file.flatbuffer import Graph, Operator, read_model
from converters.tools.importing import tool
from quantization.calibration import Range

FINEST, COARSEST = 2.0**-7.9, 2.0**6.9
"""Ratio of an operator's input step to its answer's, within the -8th and the 7th power of two of XNNPACK's narrowest
kernel (convert)."""
LARGEST_PRODUCT = 2.0**7.9
"""Step of an input times step of the weights by step of the answer, below the 8th power of two."""
BIAS_STEPS = 2.0**30
"""A bias is stored in 32 bits, in steps of the input times steps of the weights."""
LEVELS = 127
SWEEPS = 8
MULTIPLYING = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Axis of a layer's weights that holds its answer's channels."""
JOINING = (
    "ADD",
    "SUB",
    "CONCATENATION",
    "MAXIMUM",
    "MINIMUM",
    "PACK",
    "SELECT_V2",
    "MEAN",
    "SUM",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "REDUCE_MAX",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "RESHAPE",
    "TRANSPOSE",
    "PAD",
    "PADV2",
    "SLICE",
    "STRIDED_SLICE",
    "RELU",
    "LEAKY_RELU",
)
"""Operators whose answer is in the units of their inputs."""


def within_reach(float_file: Path, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Return the ranges, with those widened that are too narrow beside their neighbours'; most networks have none."""
    graph, *others = read_model(float_file).graphs
    found = dict(ranges)
    if others:
        return found
    layers = _layers(float_file, graph)
    for _ in range(SWEEPS):
        before = dict(found)
        for step in graph.steps:
            for name, span in _needed(graph, step, found, layers):
                low, high = found[name]
                if high - low < span:
                    factor = span / (high - low)
                    found[name] = low * factor, high * factor
        if found == before:
            break
    return found


@dataclass(frozen=True)
class _Layer:
    """The largest weight of a layer, and the largest ratio of a channel's bias to its largest weight."""

    weight: float
    bias: float


def _needed(
    graph: Graph, step: Operator, ranges: Mapping[str, Range], layers: Mapping[int, _Layer]
) -> Iterator[tuple[str, float]]:
    """Yield tensors of a step, each with the width that its range must have."""
    names = [graph.tensors[number].name for number in step.inputs if number >= 0]
    given = {name: ranges[name][1] - ranges[name][0] for name in names if name in ranges}
    answers = [graph.tensors[number].name for number in step.outputs if graph.tensors[number].name in ranges]
    if not given or not answers:
        return
    (answer, *_), widest = answers, max(given.values())
    layer = layers.get(step.outputs[0])
    if layer is not None:
        yield answer, widest * layer.weight / LEVELS / LARGEST_PRODUCT
        yield from ((name, layer.bias * LEVELS * (2 * LEVELS + 1) / BIAS_STEPS) for name in given)
    elif step.name in JOINING:
        yield answer, widest / COARSEST
        low, high = ranges[answer]
        yield from ((name, (high - low) * FINEST) for name in given)


def _layers(float_file: Path, graph: Graph) -> dict[int, _Layer]:
    """Look at the constant weights and biases of layers, by the number of a layer's answer."""
    schema = tool("ai_edge_litert.schema_py_generated", "tflite")
    model = schema.ModelT.InitFromPackedBuf(float_file.read_bytes(), 0)

    def constant(number: int) -> NDArray[np.float32] | None:
        data = model.buffers[graph.tensors[number].buffer].data if number >= 0 else None
        if data is None or graph.tensors[number].dtype != "float32" or not len(data):
            return None
        return np.abs(np.frombuffer(np.asarray(data, dtype=np.uint8).tobytes(), dtype=np.float32))

    found = {}
    for step in graph.steps:
        weights = constant(step.inputs[1]) if step.name in MULTIPLYING else None
        if weights is None:
            continue
        shaped = np.moveaxis(weights.reshape(graph.tensors[step.inputs[1]].shape), MULTIPLYING[step.name], 0)
        channels = shaped.reshape(len(shaped), -1).max(axis=1)
        bias = constant(step.inputs[2]) if len(step.inputs) > 2 else None
        used = channels > 0
        ratio = 0.0 if bias is None or not used.any() else float((bias[used] / channels[used]).max())
        found[step.outputs[0]] = _Layer(float(channels.max()), ratio)
    return found
