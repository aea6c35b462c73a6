"""Repairs of a float32 .tflite graph before it is quantized: batch norms are folded and ReLUs fused there already.

conv A, ReLU -> conv B          A / s, ReLU -> B * s       equalized: the same answer, like ranges on both sides
conv A, weights W, bias b       W, b + (W - W') E[x]       bias corrected for the stored weights W'

The third repair, which way each weight is rounded, has a file of its own: rounding.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.formats.tflite.file.flatbuffer import IDENTIFIER
from converters.tools.importing import tool
from quantization.calibration import TensorStatistics
from quantization.repair import bias_shift, equalizing_scales, largest_magnitudes

EXTRA = "tflite"
SWEEPS = 20
"""Pairs share layers, so each one's scaling disturbs its neighbours a little; the paper repeats until nothing moves."""
SETTLED = 1e-3
AXES = {"CONV_2D": (0, 3), "FULLY_CONNECTED": (0, 1), "DEPTHWISE_CONV_2D": (3, None)}
"""Axes of a layer's weights with output and input channels; a depthwise layer has one for both."""


@dataclass(frozen=True)
class _Layer:
    """An operator with weights and a bias of its own."""

    kind: str
    given: int
    weights: int
    bias: int
    answer: int
    lets_scales_through: bool
    options: Any

    @property
    def out(self) -> int:
        return AXES[self.kind][0]

    @property
    def into(self) -> int | None:
        return AXES[self.kind][1]


@dataclass(frozen=True)
class Patches:
    """How a layer multiplies its weights with its input.

    Attributes:
        given_name: tensor that goes in.
        weights_name: tensor of the weights.
        weights: float32, output channels first.
        kernel, stride, dilation: (rows, columns) of a convolution; None for a fully connected layer.
        same_padding: whether zeros surround the input (TensorFlow's SAME) or not (VALID).
    """

    given_name: str
    weights_name: str
    weights: NDArray[np.float32]
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    same_padding: bool = False

    @property
    def inputs(self) -> int:
        """How many numbers one answer of one channel is a sum over."""
        return int(self.weights[0].size)


class RepairableGraph:
    """The graph of a float32 .tflite file, held in memory while its weights change.

    Raises:
        MissingToolError: ai-edge-litert is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._schema = tool("ai_edge_litert.schema_py_generated", EXTRA)
        self._model = self._schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        (self._graph,) = self._model.subgraphs
        self._uses = Counter(int(number) for step in self._graph.operators for number in step.inputs)
        self._uses.update(int(number) for number in self._graph.outputs)
        self._holders = Counter(int(tensor.buffer) for tensor in self._graph.tensors)
        self._layers = tuple(self._found())

    def equalize(self) -> int:
        """Equalize every pair of layers with nothing but a ReLU between them; returns how many pairs there are."""
        pairs = [
            (first, second)
            for first in self._layers
            for second in self._layers
            if first.answer == second.given and self._uses[first.answer] == 1 and first.lets_scales_through
        ]
        for _ in range(SWEEPS if pairs else 0):
            moved = max(self._equalize_pair(first, second) for first, second in pairs)
            if moved < SETTLED:
                break
        return len(pairs)

    def correct_biases(
        self, stored: Mapping[str, NDArray[np.float32]], statistics: Mapping[str, TensorStatistics]
    ) -> int:
        """Make up for rounding in every layer whose stored weights and input are known; returns how many there were.

        Args:
            stored: weight tensor's name -> what the quantized file holds, as real numbers.
            statistics: of the float graph's tensors.
        """
        corrected = 0
        for layer in self._layers:
            name, given = self._name(layer.weights), self._name(layer.given)
            if name not in stored or given not in statistics:
                continue
            weights, means = self._array(layer.weights), statistics[given].channel_means
            if len(means) != weights.shape[layer.out if layer.into is None else layer.into]:
                continue  # a fully connected layer that flattens its input
            shift = bias_shift(weights, stored[name], means, layer.out, layer.into)
            self._store(layer.bias, self._array(layer.bias) + shift)
            corrected += 1
        return corrected

    def patches(self) -> Iterator[Patches]:
        """Convolutions and fully connected layers; depthwise ones multiply each channel alone."""
        for layer in self._layers:
            given, name, weights = self._name(layer.given), self._name(layer.weights), self._array(layer.weights)
            options = layer.options
            if layer.kind == "FULLY_CONNECTED":
                yield Patches(given, name, weights)
            elif layer.kind == "CONV_2D" and self._channels(layer.given) == weights.shape[3]:
                kernel, stride = weights.shape[1:3], (options.strideH, options.strideW)
                dilation = (options.dilationHFactor, options.dilationWFactor)
                same = options.padding == self._schema.Padding.SAME
                yield Patches(given, name, weights, kernel, stride, dilation, same)

    def _channels(self, number: int) -> int:
        return int(self._graph.tensors[number].shape[-1])  # fewer in the weights: a convolution in groups

    def save(self, path: Path) -> None:
        """Write the graph as a .tflite file."""
        builder = tool("flatbuffers", EXTRA).Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), IDENTIFIER)
        path.write_bytes(bytes(builder.Output()))

    def _found(self) -> Iterator[_Layer]:
        """Layers whose weights and bias nothing else uses."""
        names = {value: name for name, value in vars(self._schema.BuiltinOperator).items() if isinstance(value, int)}
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in self._model.operatorCodes]
        passing = (self._schema.ActivationFunctionType.NONE, self._schema.ActivationFunctionType.RELU)
        for step in self._graph.operators:
            kind = names[codes[step.opcodeIndex]]
            if kind not in AXES or len(step.inputs) < 3 or min(step.inputs) < 0:
                continue
            given, weights, bias = (int(number) for number in step.inputs[:3])
            if not (self._own(weights) and self._own(bias)):
                continue
            if kind == "DEPTHWISE_CONV_2D" and step.builtinOptions.depthMultiplier != 1:
                continue
            through = step.builtinOptions.fusedActivationFunction in passing
            yield _Layer(kind, given, weights, bias, int(step.outputs[0]), through, step.builtinOptions)

    def _own(self, number: int) -> bool:
        """True for a float32 constant that one operator uses and that shares its storage with no other."""
        tensor = self._graph.tensors[number]
        stored = self._model.buffers[tensor.buffer].data is not None
        lonely = self._uses[number] == 1 and self._holders[int(tensor.buffer)] == 1
        return bool(stored and lonely and tensor.type == self._schema.TensorType.FLOAT32)

    def _equalize_pair(self, first: _Layer, second: _Layer) -> float:
        """Scale one pair; returns by how much the scale farthest from 1 differs from it, as a logarithm."""
        before, after = self._array(first.weights), self._array(second.weights)
        into = second.out if second.into is None else second.into
        if before.shape[first.out] != after.shape[into]:
            return 0.0
        scales = equalizing_scales(largest_magnitudes(before, first.out), largest_magnitudes(after, into))
        self._store(first.weights, before / _along(scales, before.ndim, first.out))
        self._store(first.bias, self._array(first.bias) / scales)
        self._store(second.weights, after * _along(scales, after.ndim, into))
        return float(np.abs(np.log(scales)).max())

    def _array(self, number: int) -> NDArray[np.float32]:
        tensor = self._graph.tensors[number]
        content = np.asarray(self._model.buffers[tensor.buffer].data, dtype=np.uint8).tobytes()
        return np.frombuffer(content, dtype=np.float32).reshape(tensor.shape)

    def _store(self, number: int, values: NDArray[Any]) -> None:
        content = np.ascontiguousarray(values, dtype=np.float32).tobytes()
        self._model.buffers[self._graph.tensors[number].buffer].data = np.frombuffer(content, dtype=np.uint8)

    def _name(self, number: int) -> str:
        name: bytes = self._graph.tensors[number].name
        return name.decode()


def stored_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """The real numbers that a quantized file's integer constants stand for, by tensor name."""
    interpreter = tool("ai_edge_litert.interpreter", EXTRA).Interpreter(model_path=str(path))
    found = {}
    for item in interpreter.get_tensor_details():
        scales = item["quantization_parameters"]["scales"]
        if len(scales) < 1 or item["dtype"] not in (np.int8, _int4()):
            continue
        try:
            values = interpreter.get_tensor(item["index"])
        except ValueError:
            continue  # an activation: it has no value before the graph runs
        axis = item["quantization_parameters"]["quantized_dimension"]
        wide = _along(scales, values.ndim, axis) if len(scales) > 1 else scales[0]
        zero = item["quantization_parameters"]["zero_points"]
        offset = _along(zero, values.ndim, axis) if len(zero) > 1 else zero[0]
        found[str(item["name"])] = ((values.astype(np.float32) - offset) * wide).astype(np.float32)
    return found


def _int4() -> Any:
    return tool("ml_dtypes", EXTRA).int4


def _along(values: NDArray[Any], dimensions: int, axis: int) -> NDArray[Any]:
    """A vector shaped so that it broadcasts along one axis."""
    shape = [1] * dimensions
    shape[axis] = len(values)
    return values.reshape(shape)
