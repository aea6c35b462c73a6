"""What no picture changes is stored in a .tflite file; the answers stay the same bits."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from converters import make_plan
from converters.conversion.perform import perform
from converters.formats.tflite.file.flatbuffer import Graph, Operator, Tensor, read_model
from converters.formats.tflite.float_file import fixed, moves
from converters.formats.tflite.float_file.fixed import Fixed, fixed_values
from quantization import recipe
from tests.converters.foreign_networks import SIZE, foreign
from tests.converters.making import artifact_of

COMPUTED = {"GATHER_ND", "SELECT_V2"}
"""What the table of positions is made with, and nothing else in that network."""


def made(folder: Path) -> Path:
    (outcome,) = perform(make_plan(foreign("positions"), [("tflite", recipe("float32"))]), folder)
    return artifact_of(outcome).path


def operators(path: Path) -> Counter[str]:
    return Counter(read_model(path).graphs[0].operators)


def answer(path: Path) -> NDArray[np.float32]:
    runner = Interpreter(model_path=str(path)).get_signature_runner()
    picture = np.random.default_rng(0).random((1, *SIZE, 3), dtype=np.float32)
    found: NDArray[np.float32] = runner(image=picture)["logits"]
    return found


@pytest.fixture(scope="module")
def as_converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file without anything stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moves, "fixed_values", lambda path: Fixed(frozenset(), {}))
        return made(tmp_path_factory.mktemp("as-converted"))


def test_a_table_written_while_the_network_computes_is_stored(as_converted: Path, tmp_path: Path) -> None:
    stored = made(tmp_path)
    assert set(operators(as_converted)) >= COMPUTED
    assert not set(operators(stored)) & COMPUTED
    assert fixed_values(stored).tensors == frozenset()
    assert np.array_equal(answer(stored), answer(as_converted))


def test_what_would_grow_too_much_is_left(as_converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed, "LARGEST_GROWTH", -(1 << 30))
    left = made(tmp_path)
    assert operators(left) == operators(as_converted)
    assert np.array_equal(answer(left), answer(as_converted))


def test_random_numbers_and_answers_are_not_fixed(as_converted: Path) -> None:
    constant = Tensor("constant", "int32", (2,), False, 8, 1)
    value = dataclasses.replace(constant, constant_bytes=0, buffer=0)
    steps = tuple(Operator(name, (0,), (place,)) for place, name in enumerate(("RANDOM_UNIFORM", "ABS", "NEG"), 1))
    graph = Graph(steps, (constant, value, value, value), (), (3,))
    assert set(fixed._fixed(graph)) == {2}
