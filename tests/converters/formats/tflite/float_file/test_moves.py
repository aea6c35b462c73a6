"""Chains of transpositions and reshapes in .tflite files: shorter, and the same numbers at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from converters.formats.tflite.file.flatbuffer import IDENTIFIER, read_model
from converters.formats.tflite.float_file.moves import as_permutation, straighten

Step = tuple[str, tuple[int, ...]]
SHAPE = (1, 4, 6, 3)
KINDS = ("TRANSPOSE", "RESHAPE", "PAD", "MEAN", "NEG")
OPTIONS = {
    "RESHAPE": "ReshapeOptions",
    "TRANSPOSE": "TransposeOptions",
    "PAD": "PadOptions",
    "MEAN": "ReducerOptions",
    "NEG": "NegOptions",
}


def answered(shape: Sequence[int], step: Step) -> tuple[int, ...]:
    kind, values = step
    places = np.zeros(shape)
    if kind == "TRANSPOSE":
        return places.transpose(values).shape
    if kind == "PAD":
        return np.pad(places, np.reshape(values, (-1, 2)).tolist()).shape
    if kind == "MEAN":
        return places.mean(values).shape
    return values if kind == "RESHAPE" else tuple(shape)


def written(path: Path, steps: Sequence[Step], also: Sequence[int] = ()) -> None:
    """A file of one operation after another; `also` names steps whose answers the file gives too."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    model.operatorCodes, graph.tensors, graph.operators = [], [], []
    for kind in KINDS:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = 1
        model.operatorCodes.append(code)

    def tensor(shape: Sequence[int], values: NDArray[np.int32] | None = None) -> int:
        made = schema.TensorT()
        made.name, made.shape = f"t{len(graph.tensors)}".encode(), list(shape)
        made.type = schema.TensorType.FLOAT32 if values is None else schema.TensorType.INT32
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    last = tensor(SHAPE)
    answers = []
    graph.inputs = [last]
    for kind, values in steps:
        operator: Any = schema.OperatorT()
        operator.opcodeIndex = KINDS.index(kind)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[kind])
        operator.builtinOptions = getattr(schema, OPTIONS[kind] + "T")()
        operator.inputs = [last]
        if kind != "NEG":
            stored = np.asarray(values, dtype=np.int32)
            stored = stored.reshape(-1, 2) if kind == "PAD" else stored
            operator.inputs.append(tensor(stored.shape, stored))
        last = tensor(answered(tuple(graph.tensors[last].shape), (kind, values)))
        operator.outputs = [last]
        answers.append(last)
        graph.operators.append(operator)
    graph.outputs = [answers[index] for index in also] + [last]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    path.write_bytes(bytes(builder.Output()))


def answers_of(path: Path) -> list[NDArray[np.float32]]:
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    numbers = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], numbers)
    interpreter.invoke()
    return [interpreter.get_tensor(item["index"]) for item in interpreter.get_output_details()]


def straightened(steps: Sequence[Step], also: Sequence[int] = ()) -> tuple[str, ...]:
    """The operations left; what the file answers must not change, nor the order and shapes of its answers."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chain.tflite"
        written(path, steps, also)
        before = answers_of(path)
        fewer = straighten(path)
        after = answers_of(path)
        left = read_model(path).graphs[0].operators
    assert len(before) == len(after) and len(left) == len(steps) - fewer
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    return left


TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([("NEG", ()), ("TRANSPOSE", TO_FIRST), ("TRANSPOSE", TO_LAST)], ("NEG",)),
        ([("TRANSPOSE", TO_FIRST), ("TRANSPOSE", TO_LAST), ("NEG", ())], ("NEG",)),
        ([("TRANSPOSE", TO_FIRST), ("TRANSPOSE", TO_FIRST), ("NEG", ())], ("TRANSPOSE", "NEG")),
        ([("TRANSPOSE", TO_FIRST), ("RESHAPE", (1, 3, 24)), ("TRANSPOSE", (0, 2, 1)), ("NEG", ())], ("RESHAPE", "NEG")),
        (
            [("TRANSPOSE", TO_FIRST), ("PAD", (0, 0, 0, 0, 0, 1, 2, 0)), ("TRANSPOSE", TO_LAST), ("NEG", ())],
            ("PAD", "NEG"),
        ),
        ([("TRANSPOSE", TO_FIRST), ("MEAN", (2, 3)), ("NEG", ())], ("MEAN", "NEG")),
        ([("TRANSPOSE", (0, 3, 2, 1)), ("MEAN", (1,)), ("NEG", ())], ("TRANSPOSE", "MEAN", "NEG")),
        ([("NEG", ()), ("RESHAPE", (1, 24, 3)), ("NEG", ())], ("NEG", "RESHAPE", "NEG")),
    ],
)
def test_what_is_left(steps: list[Step], left: tuple[str, ...]) -> None:
    assert straightened(steps) == left


def test_an_answer_in_the_middle_stays() -> None:
    steps: list[Step] = [("NEG", ()), ("TRANSPOSE", TO_FIRST), ("TRANSPOSE", TO_LAST), ("NEG", ())]
    assert straightened(steps, also=[0, 1]) == ("NEG", "TRANSPOSE", "NEG")
    # two answers, though they hold the same
    assert straightened(steps[:3], also=[0]) == ("NEG", "TRANSPOSE", "TRANSPOSE")


SHAPES = (
    (1, 4, 6, 3),
    (1, 24, 3),
    (3, 24),
    (1, 3, 24),
    (2, 2, 6, 3),
    (1, 72),
    (6, 12),
    (1, 3, 4, 6),
    (1, 6, 4, 3),
    (1, 2, 2, 6, 3),
)


@st.composite
def chains(draw: st.DrawFn) -> list[Step]:
    steps: list[Step] = []
    rank = len(SHAPE)
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(("TRANSPOSE", "TRANSPOSE", "RESHAPE", "NEG")))
        values: tuple[int, ...] = ()
        if kind == "TRANSPOSE":
            values = tuple(draw(st.permutations(range(rank))))
        elif kind == "RESHAPE":
            values = draw(st.sampled_from(SHAPES))
            rank = len(values)
        steps.append((kind, values))
    return steps


@settings(max_examples=150, deadline=None)
@given(chains())
def test_any_chain_answers_the_same(steps: list[Step]) -> None:
    straightened(steps)


def test_a_permutation_is_found_only_where_it_moves_every_place_rightly() -> None:
    places = np.arange(24).reshape(2, 3, 4)
    assert as_permutation((2, 3, 4), places.transpose(2, 0, 1)) == (2, 0, 1)
    assert as_permutation((2, 3, 4), places.reshape(4, 2, 3)) is None
    assert as_permutation((2, 3, 4), places.reshape(6, 4)) is None
