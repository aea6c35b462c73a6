"""TFLite files with MediaPipe's custom operations, put in the place of TensorFlow's by hand."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.converters.formats.tflite.tf_networks import MIDDLES, make

SAME, VALID = 1, 2


def transposed(folder: Path, *, name: str = "Convolution2DTransposeBias", computed_weights: bool = False) -> Path:
    """convolution, MediaPipe's transposed convolution with a bias, convolution."""
    path = make(folder, MIDDLES["transposed convolution"])
    model = _load(path)
    (step,) = _steps(model, "TRANSPOSE_CONV")
    _shape, weights, picture = step.inputs
    if computed_weights:  # any computed tensor will do, the file is read and not run
        weights = picture
    step.inputs = np.array([picture, weights, _constant(model, np.zeros(3, np.float32))], np.int32)
    _become(model, step, name, struct.pack("<3i", VALID, 2, 2))
    return _save(model, path)


def unpooled(folder: Path, padding: int = VALID, *, outputs: int = 2) -> Path:
    """convolution, pooling that tells where each value came from, unpooling, convolution."""
    path = make(folder, MIDDLES["max pool"])
    model = _load(path)
    graph = model.subgraphs[0]
    (pool,) = _steps(model, "MAX_POOL_2D")
    options = struct.pack("<9i", padding, 2, 2, 2, 2, 0, 0, 0, 0)
    where, restored = _tensor(graph, "where", (1, 4, 4, 3)), _tensor(graph, "restored", (1, 8, 8, 3))
    unpool = schema.OperatorT()
    unpool.inputs = np.array([*pool.outputs, where], np.int32)
    unpool.outputs = np.array([restored], np.int32)
    pool.outputs = np.array([*pool.outputs, where][:outputs], np.int32)
    if outputs < 2:
        graph.inputs = np.array([*graph.inputs, where], np.int32)
    _become(model, pool, "MaxPoolingWithArgmax2D", options)
    _become(model, unpool, "MaxUnpooling2D", options)
    place = graph.operators.index(pool) + 1
    graph.operators[place].inputs = np.array([restored, *graph.operators[place].inputs[1:]], np.int32)
    graph.operators.insert(place, unpool)
    for output in graph.outputs:
        graph.tensors[output].shape = np.array((1, 8, 8, 4), np.int32)
    return _save(model, path)


def renamed(folder: Path, middle: str, operation: str, name: str) -> Path:
    """A small network whose `operation` is the custom operation `name` instead, inputs and outputs as they are."""
    path = make(folder, MIDDLES[middle])
    model = _load(path)
    for step in _steps(model, operation):
        _become(model, step, name, b"")
    return _save(model, path)


def _load(path: Path) -> Any:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def _save(model: Any, path: Path) -> Path:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _steps(model: Any, operation: str) -> list[Any]:
    number = getattr(schema.BuiltinOperator, operation)
    return [
        step for step in model.subgraphs[0].operators if model.operatorCodes[step.opcodeIndex].builtinCode == number
    ]


def _become(model: Any, step: Any, name: str, options: bytes) -> None:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = name.encode(), 1
    model.operatorCodes.append(code)
    step.opcodeIndex = len(model.operatorCodes) - 1
    step.builtinOptionsType, step.builtinOptions = 0, None
    step.customOptions = np.frombuffer(options, np.uint8) if options else None


def _tensor(graph: Any, name: str, shape: tuple[int, ...], buffer: int = 0) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name.encode(), np.array(shape, np.int32), buffer
    tensor.type, tensor.hasRank = schema.TensorType.FLOAT32, True
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _constant(model: Any, values: np.ndarray[Any, np.dtype[np.float32]]) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    return _tensor(model.subgraphs[0], "bias", values.shape, len(model.buffers) - 1)
