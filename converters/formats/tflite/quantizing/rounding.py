"""GPTQ of a .tflite file: integers chosen by what layers see on calibration pictures, written over those of the
quantizer.

The float file tells weights and inputs, the quantized one the scales. ai-edge-quantizer has GPTQ for fully connected
layers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.artifact import PixelRange
from converters.contract import Job
from converters.errors import ConversionError
from converters.formats.tflite.file.flatbuffer import read_model
from converters.formats.tflite.quantizing.ranges import watching
from converters.formats.tflite.quantizing.repair import Patches, RepairableGraph
from converters.tools.importing import tool
from quantization.rounding import gptq

EXTRA = "tflite"
PLACES = 512
"""Patches of a picture, drawn by lot; those of 32 pictures outnumber the inputs of any usual layer by far."""
MOST_INPUTS = 8192
"""A layer with more has a matrix of over half a gigabyte; its weights stay rounded to the nearest."""
LARGEST = {"int8": 127, "int4": 7}

Integers = dict[str, NDArray[np.int8]]


def chosen_integers(float_file: Path, quantized: Path, job: Job) -> Integers:
    """Choose the integers of every convolution and fully connected layer that the quantized file stores in 8 or 4 bits
    per channel.

    Returns:
        weight tensor's name -> int8, in the tensor's shape.
    """
    scales = _channel_scales(quantized)
    layers = [item for item in RepairableGraph(float_file).patches() if item.weights_name in scales]
    layers = [item for item in layers if item.inputs <= MOST_INPUTS]
    moments = _moments(float_file, layers, job)
    found: Integers = {}
    for place, layer in enumerate(layers, start=1):
        job.tell("choosing integers, layer", place, len(layers))
        steps, largest = scales[layer.weights_name]
        flat = layer.weights.reshape(len(layer.weights), -1)
        if len(steps) == len(flat) and layer.weights_name in moments:
            chosen = gptq(flat, moments[layer.weights_name], steps, largest)
            found[layer.weights_name] = chosen.reshape(layer.weights.shape)
    return found


def store_integers(path: Path, integers: Mapping[str, NDArray[np.int8]]) -> None:
    """Write integers over those of the same names in a quantized file; nothing else in it changes.

    Raises:
        ConversionError: the file has another room for them.
    """
    schema = tool("ai_edge_litert.schema_py_generated", EXTRA)
    content = bytearray(path.read_bytes())
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    for tensor in (graph.Tensors(number) for number in range(graph.TensorsLength())):
        chosen = integers.get((tensor.Name() or b"").decode())
        if chosen is None:
            continue
        packed = _nibbles(chosen) if tensor.Type() == schema.TensorType.INT4 else chosen.view(np.uint8).ravel()
        room = _room(content, model.Buffers(tensor.Buffer()))
        if len(room) != len(packed):
            raise ConversionError(
                f"{path.name} holds {len(room)} bytes where {len(packed)} were expected; convert it again"
            )
        room[:] = packed
    path.write_bytes(bytes(content))


def _room(content: bytearray, buffer: Any) -> NDArray[np.uint8]:
    """A view of a buffer's bytes: inside the flatbuffer, or behind it where the quantizer puts those of larger
    files."""
    if buffer.DataLength():
        view: NDArray[np.uint8] = buffer.DataAsNumpy()
        return view
    return np.frombuffer(content, dtype=np.uint8, count=buffer.Size(), offset=buffer.Offset())


def _nibbles(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Two 4-bit numbers a byte, the first in the lower half, as the TensorFlow Lite schema has it."""
    flat = values.view(np.uint8).ravel() & 0x0F
    even = np.zeros(len(flat) + len(flat) % 2, dtype=np.uint8)
    even[: len(flat)] = flat
    packed: NDArray[np.uint8] = even[::2] | np.left_shift(even[1::2], 4)
    return packed


def _channel_scales(quantized: Path) -> dict[str, tuple[NDArray[np.float64], int]]:
    """Name of each constant with integer weights -> step of each channel, and the largest integer."""
    (graph,) = read_model(quantized).graphs
    return {
        tensor.name: (np.asarray(tensor.scales, dtype=np.float64), LARGEST[tensor.dtype])
        for tensor in graph.tensors
        if tensor.constant_bytes and tensor.scales and tensor.dtype in LARGEST
    }


def _moments(float_file: Path, layers: list[Patches], job: Job) -> dict[str, NDArray[np.float32]]:
    """Add up x xᵀ over patches x of each layer's input, by the weights' name; equal pictures give equal sums."""
    interpreter, picture, watched = watching(float_file)
    sums: dict[str, NDArray[np.float32]] = {}
    lots = np.random.default_rng(0)
    pictures = job.pictures().tensors(unit_range=job.source.pixel_range is PixelRange.UNIT)
    for place, image in enumerate(pictures, start=1):
        job.tell("looking at the inputs of layers, picture", place, len(pictures))
        interpreter.set_tensor(picture, image)
        interpreter.invoke()
        for layer in layers:
            if layer.given_name not in watched:
                continue
            seen = drawn_patches(layer, interpreter.get_tensor(watched[layer.given_name]), lots)
            product = seen.T @ seen
            known: Any = sums.get(layer.weights_name)
            sums[layer.weights_name] = product if known is None else known + product
    return sums


def drawn_patches(layer: Patches, values: NDArray[np.float32], lots: np.random.Generator) -> NDArray[np.float32]:
    """Some of the layer's patches, (places, inputs) in the order of its weights."""
    if layer.kernel is None:
        rows = values.reshape(-1, layer.inputs)
        return rows[lots.permutation(len(rows))[:PLACES]]
    size = np.array(values.shape[1:3])
    kernel, stride, dilation = np.array(layer.kernel), np.array(layer.stride), np.array(layer.dilation)
    reach = (kernel - 1) * dilation + 1
    answer = -(-size // stride) if layer.same_padding else (size - reach) // stride + 1
    missing = np.maximum((answer - 1) * stride + reach - size, 0) if layer.same_padding else np.zeros(2, dtype=int)
    before = missing // 2
    padded = np.pad(values, ((0, 0), *((int(b), int(m - b)) for b, m in zip(before, missing, strict=True)), (0, 0)))
    places = lots.permutation(int(values.shape[0] * answer.prod()))[:PLACES]
    number, row, column = np.unravel_index(places, (values.shape[0], *answer))
    rows = (row * stride[0])[:, None] + np.arange(kernel[0]) * dilation[0]
    columns = (column * stride[1])[:, None] + np.arange(kernel[1]) * dilation[1]
    found: NDArray[np.float32] = padded[number[:, None, None], rows[:, :, None], columns[:, None, :]]
    return found.reshape(len(places), -1)
