"""The plan of a graph's activations: by hand for a small graph, by its rules for any."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.errors import SourceError
from converters.formats.tflite.file import arena
from converters.formats.tflite.file.arena import ALIGNMENT, ArenaPlan, plan_arena
from converters.formats.tflite.file.flatbuffer import Graph, Operator, Signature, Tensor, TFLiteFile


def tensor(name: str, *shape: int, dtype: str = "float32", constant_bytes: int = 0) -> Tensor:
    return Tensor(name, dtype, shape, False, constant_bytes, 0)


def plan(graph: Graph, monkeypatch: pytest.MonkeyPatch, signature: str | None = None) -> ArenaPlan:
    file = TFLiteFile(3, (graph,), (Signature("main", 0, {}, {}),))
    monkeypatch.setattr(arena, "read_model", lambda path: file)
    return plan_arena(Path("net.tflite"), signature)


DIAMOND = Graph(
    steps=(
        Operator("CONV_2D", (0, 1), (2,)),
        Operator("DEQUANTIZE", (6,), (7,)),
        Operator("RELU", (2,), (3,)),
        Operator("CONV_2D", (2, 7), (4,)),
        Operator("ADD", (3, 4, -1), (5,)),
    ),
    tensors=(
        tensor("picture", 1, 4, 4, 1),
        tensor("weights", 16, constant_bytes=64),
        tensor("a", 1, 4, 4, 8),
        tensor("b", 1, 4, 4, 8),
        tensor("c", 1, 4, 4, 4),
        tensor("answer", 1, 4, 4, 2, dtype="int8"),
        tensor("half", 10, dtype="float16", constant_bytes=20),
        tensor("wide", 10),
    ),
    inputs=(0,),
    outputs=(5,),
)
"""picture 64 B -> a 512 B -> b 512 B and c 256 B -> answer 32 B, with weights in float16 that are widened."""


def test_a_diamond_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan(DIAMOND, monkeypatch, "main")
    assert {life.name: (life.first, life.last, life.bytes) for life in found.lives} == {
        "picture": (0, 4, 64),
        "a": (0, 3, 512),
        "b": (2, 4, 512),
        "c": (3, 4, 256),
        "answer": (4, 4, 32),
    }
    assert (found.peak_bytes, found.place, found.kind) == (64 + 512 + 512 + 256, 3, "CONV_2D")
    assert [life.name for life in found.alive] == ["a", "b", "c", "picture"]
    assert found.widened_bytes == 40
    assert found.arena_bytes == found.peak_bytes, "the answer fits where `a` was"


def test_packed_integers_and_sizes_known_only_later(monkeypatch: pytest.MonkeyPatch) -> None:
    four = Graph(
        (Operator("ABS", (0,), (1,)),), (tensor("x", 3, dtype="int4"), tensor("y", 3, dtype="int4")), (0,), (1,)
    )
    assert plan(four, monkeypatch).peak_bytes == 4
    open_ended = Graph((Operator("ABS", (0,), (1,)),), (tensor("x", -1, 4), tensor("y", -1, 4)), (0,), (1,))
    with pytest.raises(SourceError, match="convert it with fixed sizes"):
        plan(open_ended, monkeypatch)
    with pytest.raises(SourceError, match="no signature 'other'; it has: main"):
        plan(four, monkeypatch, "other")


SPANS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 500)).map(lambda x: (min(x[:2]), max(x[:2]), x[2])),
    min_size=1,
    max_size=12,
)


@given(SPANS)
@settings(deadline=None, derandomize=True)
def test_nothing_lies_on_what_is_alive(lives: list[tuple[int, int, int]]) -> None:
    spans = {place: life[:2] for place, life in enumerate(lives)}
    sizes = {place: life[2] for place, life in enumerate(lives)}
    offsets = arena._packed(spans, sizes)
    assert all(offset % ALIGNMENT == 0 for offset in offsets.values())
    for one in spans:
        for other in spans:
            together = spans[one][0] <= spans[other][1] and spans[other][0] <= spans[one][1]
            if one < other and together:
                apart = offsets[one] + sizes[one] <= offsets[other] or offsets[other] + sizes[other] <= offsets[one]
                assert apart
    held = max(sum(sizes[place] for place, (a, b) in spans.items() if a <= time <= b) for time in range(10))
    assert held <= max(offsets[place] + sizes[place] for place in spans)
