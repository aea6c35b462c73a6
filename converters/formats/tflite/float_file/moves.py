"""Operations of a float .tflite file that need not be there are taken out; nothing is computed differently.

What no picture changes is stored (`fixed.py`). Of transpositions and reshapes go those that only undo one another:

    TRANSPOSE -> RESHAPE -> TRANSPOSE    ->  RESHAPE, where the values come out in the order in which they went in
    TRANSPOSE -> TRANSPOSE               ->  nothing, or the one TRANSPOSE that both together are
    TRANSPOSE -> PAD -> TRANSPOSE        ->  PAD of the other axes -> TRANSPOSE -> TRANSPOSE, and from there as above
    TRANSPOSE -> MEAN                    ->  MEAN over the other axes, where it answers in the same order
    a layer's bias in shape (1, 1, 1, C) ->  in shape (C,): the kernels for integers take no other

Each chain is proven before it is replaced: the chain and what would stand for it move the numbers 0, 1, 2, ... and must
agree in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.formats.tflite.file.flatbuffer import IDENTIFIER
from converters.formats.tflite.float_file.fixed import Fixed, fixed_values
from converters.tools.importing import tool

MOST_AXES = 5
"""Permutations of more are not looked for: there are 720 of six, and files hold none that would help."""
BIASES = {"FULLY_CONNECTED": 2, "CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "TRANSPOSE_CONV": 3}
"""Which of a layer's inputs is its bias."""
Places = NDArray[np.int64]


def straighten(path: Path) -> int:
    """Rewrite a .tflite file of one graph in place; returns how many operations fewer it has. Others are left alone."""
    schema = tool("ai_edge_litert.schema_py_generated", "tflite")
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    if len(model.subgraphs) != 1:
        return 0
    graph = _MovingGraph(schema, model)
    before = len(graph.steps)
    graph.store(fixed_values(path))
    flattened = graph.flatten_biases()
    graph.straighten()
    if flattened or len(graph.steps) < before:
        builder = tool("flatbuffers", "tflite").Builder(1 << 20)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        path.write_bytes(bytes(builder.Output()))
    return before - len(graph.steps)


def moved(places: Places, permutation: Sequence[int] | None, shape: Sequence[int]) -> Places:
    """What one operation makes of `places`: transposed where there is a permutation, in `shape` otherwise."""
    return places.reshape(shape) if permutation is None else places.transpose(permutation)


def as_permutation(source: Sequence[int], found: Places) -> tuple[int, ...] | None:
    """The permutation of axes that takes 0, 1, 2, ... in shape `source` to `found`, or None."""
    if len(source) != found.ndim or found.ndim > MOST_AXES:
        return None
    places = np.arange(found.size).reshape(source)
    for order in permutations(range(found.ndim)):
        if tuple(source[axis] for axis in order) == found.shape and np.array_equal(places.transpose(order), found):
            return order
    return None


class _MovingGraph:
    """The only graph of a file, held in memory while operations are taken out."""

    def __init__(self, schema: Any, model: Any) -> None:
        self._schema, self._model, (self._graph,) = schema, model, model.subgraphs
        names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
        self._codes: list[str] = [
            names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes
        ]
        self.steps: list[Any] = list(self._graph.operators)
        self._constants: dict[tuple[tuple[int, ...], int], int] = {}

    def store(self, fixed: Fixed) -> None:
        """Make constants of values that are known, and take out what computed nothing else."""
        for number, value in fixed.values.items():
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), dtype=np.uint8)
            self._model.buffers.append(buffer)
            self._graph.tensors[number].buffer = len(self._model.buffers) - 1
        for step in reversed(list(self.steps)):
            stored = all(
                number in fixed.values or (number in fixed.tensors and not self._readers(number))
                for number in step.outputs
            )
            if stored:
                self.steps.remove(step)

    def flatten_biases(self) -> int:
        """Give layers their constant biases with one axis; the same bytes. How many there were."""
        found = 0
        for step in self.steps:
            place = BIASES.get(self._kind(step), len(step.inputs))
            if place >= len(step.inputs) or step.inputs[place] < 0:
                continue
            bias = self._graph.tensors[step.inputs[place]]
            shape = self._shape(step.inputs[place])
            if len(shape) > 1 and shape[-1] == np.prod(shape) and self._model.buffers[bias.buffer].data is not None:
                flat = self._added(shape[-1:], bias.type, bias.buffer, step.inputs[place])
                step.inputs = [*step.inputs[:place], flat, *step.inputs[place + 1 :]]
                found += 1
        return found

    def straighten(self) -> None:
        """Until nothing changes: axes through PAD and MEAN, chains by the one operation that they are, what is read no
        more."""
        while True:
            before = len(self.steps)
            self._pads_before_transpositions()
            self._means_of_transposed()
            for step in list(self.steps):
                if self._is_move(step):
                    self._shorten(step)
            self._drop_unread()
            if len(self.steps) >= before:
                break
        self._graph.operators = self.steps
        self._drop_tensors()

    def _kind(self, step: Any) -> str:
        return str(self._codes[step.opcodeIndex])

    def _is_move(self, step: Any) -> bool:
        if self._kind(step) == "TRANSPOSE":
            return self._constant(step.inputs[1]) is not None
        return self._kind(step) == "RESHAPE" and all(size > 0 for size in self._shape(step.outputs[0]))

    def _shape(self, number: int) -> tuple[int, ...]:
        shape = self._graph.tensors[number].shape
        return () if shape is None else tuple(int(size) for size in shape)

    def _constant(self, number: int) -> tuple[int, ...] | None:
        """Values of an int32 constant, flattened."""
        tensor = self._graph.tensors[number]
        data = self._model.buffers[tensor.buffer].data
        if data is None or tensor.type != self._schema.TensorType.INT32:
            return None
        return tuple(np.frombuffer(np.asarray(data, dtype=np.uint8).tobytes(), dtype=np.int32).tolist())

    def _writer(self, number: int) -> Any | None:
        return next((step for step in self.steps if number in step.outputs), None)

    def _readers(self, number: int) -> list[Any]:
        return [step for step in self.steps if number in step.inputs]

    def _shorten(self, last: Any) -> None:
        """Let a move read from as far up its chain as one operation can stand for all below."""
        chain = [last]
        while (above := self._writer(chain[0].inputs[0])) is not None and self._is_move(above):
            chain.insert(0, above)
        out = int(last.outputs[0])
        for start in range(len(chain)):
            root = int(chain[start].inputs[0])
            found = self._moved(chain[start:], root)
            in_order = np.array_equal(found.reshape(-1), np.arange(found.size))
            if in_order and self._shape(root) == self._shape(out):
                self._join(root, out, last)
                return
            if in_order and (start < len(chain) - 1 or self._kind(last) == "TRANSPOSE"):
                self._become(last, "RESHAPE", root, self._shape(out))
                return
            order = as_permutation(self._shape(root), found) if start < len(chain) - 1 else None
            if order is not None:
                self._become(last, "TRANSPOSE", root, order)
                return

    def _moved(self, chain: Sequence[Any], root: int) -> Places:
        places = np.arange(int(np.prod(self._shape(root)))).reshape(self._shape(root))
        for step in chain:
            order = self._constant(step.inputs[1]) if self._kind(step) == "TRANSPOSE" else None
            places = moved(places, order, self._shape(step.outputs[0]))
        return places

    def _join(self, root: int, out: int, last: Any) -> None:
        """Two tensors with the same values become one. An end of the graph keeps its name; between two ends a step
        stays."""
        if out not in self._graph.outputs:
            for reader in self._readers(out):
                reader.inputs = [root if number == out else number for number in reader.inputs]
            return
        writer = self._writer(root)
        if writer is None or root in self._graph.outputs:
            return
        self.steps.remove(last)
        writer.outputs = [out if number == root else number for number in writer.outputs]
        for reader in self._readers(root):
            reader.inputs = [out if number == root else number for number in reader.inputs]

    def _become(self, step: Any, kind: str, root: int, values: Sequence[int]) -> None:
        step.opcodeIndex = self._code(kind)
        step.inputs = [root, self._stored(np.asarray(values, dtype=np.int32), step.outputs[0])]
        step.builtinOptionsType = getattr(self._schema.BuiltinOptions, f"{kind.title()}Options")
        step.builtinOptions = getattr(self._schema, f"{kind.title()}OptionsT")()
        if kind == "RESHAPE":
            step.builtinOptions.newShape = list(values)

    def _code(self, kind: str) -> int:
        if kind not in self._codes:
            code = self._schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = getattr(self._schema.BuiltinOperator, kind)
            code.version = 1
            self._model.operatorCodes.append(code)
            self._codes.append(kind)
        return self._codes.index(kind)

    def _stored(self, values: NDArray[np.int32], beside: int) -> int:
        """A constant, new or made before; named after the tensor that it first helped to make."""
        key = tuple(values.reshape(-1).tolist()), values.ndim
        if key in self._constants:
            return self._constants[key]
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
        self._model.buffers.append(buffer)
        number = self._added(values.shape, self._schema.TensorType.INT32, len(self._model.buffers) - 1, beside)
        return self._constants.setdefault(key, number)

    def _added(self, shape: Sequence[int], kind: int, buffer: int, beside: int) -> int:
        tensor = self._schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, buffer
        tensor.hasRank = True
        tensor.name = self._graph.tensors[beside].name + f";moved{len(self._graph.tensors)}".encode()
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _transposed(self, step: Any) -> tuple[int, tuple[int, ...]] | None:
        """(the tensor that a transposition before `step` reads, its permutation), or None."""
        above = self._writer(int(step.inputs[0]))
        if above is None or self._kind(above) != "TRANSPOSE":
            return None
        order = self._constant(above.inputs[1])
        return None if order is None else (int(above.inputs[0]), order)

    def _pads_before_transpositions(self) -> None:
        for step in list(self.steps):
            if self._kind(step) != "PAD" or (given := self._transposed(step)) is None:
                continue
            (root, order), widths, out = given, self._constant(step.inputs[1]), int(step.outputs[0])
            readers = self._readers(out)
            if widths is None or not readers or any(self._kind(reader) != "TRANSPOSE" for reader in readers):
                continue
            pairs = np.asarray(widths, dtype=np.int32).reshape(-1, 2)
            before = np.argsort(order)
            shape = [self._shape(out)[axis] for axis in before]
            padded = self._added(shape, self._graph.tensors[out].type, 0, out)
            step.inputs = [root, self._stored(pairs[before], out)]
            step.outputs = [padded]
            turned = self._schema.OperatorT()
            turned.outputs = [out]
            self._become(turned, "TRANSPOSE", padded, order)
            self.steps.insert(self.steps.index(step) + 1, turned)

    def _means_of_transposed(self) -> None:
        for step in self.steps:
            if self._kind(step) != "MEAN" or (given := self._transposed(step)) is None:
                continue
            (root, order), axes = given, self._constant(step.inputs[1])
            if axes is None:
                continue
            gone = sorted(order[axis] for axis in axes)
            kept = [axis for axis in order if axis not in gone]
            if kept == sorted(kept) and not step.builtinOptions.keepDims:
                step.inputs = [root, self._stored(np.asarray(gone, dtype=np.int32), step.outputs[0])]

    def _drop_unread(self) -> None:
        for step in reversed(list(self.steps)):
            unread = all(not self._readers(number) and number not in self._graph.outputs for number in step.outputs)
            if self._is_move(step) and unread:
                self.steps.remove(step)

    def _drop_tensors(self) -> None:
        """Take out tensors that nothing reads or writes, and the bytes of constants among them."""
        used = {int(number) for number in (*self._graph.inputs, *self._graph.outputs)}
        used.update(int(number) for step in self.steps for number in (*step.inputs, *step.outputs) if number >= 0)
        places = {number: place for place, number in enumerate(sorted(used))}
        held = {self._graph.tensors[number].buffer for number in used}
        held.update(item.buffer for item in self._model.metadata or [])
        for tensor in self._graph.tensors:
            if tensor.buffer not in held:
                self._model.buffers[tensor.buffer].data = None
        self._graph.tensors = [self._graph.tensors[number] for number in sorted(used)]
        for step in self.steps:
            step.inputs = [places.get(int(number), -1) for number in step.inputs]
            step.outputs = [places[int(number)] for number in step.outputs]
        self._graph.inputs = [places[int(number)] for number in self._graph.inputs]
        self._graph.outputs = [places[int(number)] for number in self._graph.outputs]
        for signature in self._model.signatureDefs or []:
            for entry in (*signature.inputs, *signature.outputs):
                entry.tensorIndex = places[int(entry.tensorIndex)]
