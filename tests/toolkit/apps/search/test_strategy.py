"""The order in which candidates are tried, on made-up costs."""

from __future__ import annotations

import pytest

from toolkit.apps.search.strategy import AllowedLoss, Candidate, Search, pareto_front
from toolkit.errors import UsageError

LAYERS = tuple(f"layer{number}" for number in range(20))
LIMITS = AllowedLoss(0.002, 0.005)


def world(harm: dict[str, float], size: int = 100) -> tuple[Search, list[tuple[str, ...]]]:
    """Every layer in int8 costs its harm, every layer in floats three bytes."""
    asked: list[tuple[str, ...]] = []

    def evaluate(kept: tuple[str, ...]) -> Candidate:
        asked.append(kept)
        loss = sum(cost for name, cost in harm.items() if name not in kept)
        return Candidate(kept, 0.8 - loss / 4, -loss / 4, "brow", -loss, size + 3 * len(kept))

    return Search(evaluate, LIMITS, lambda item: item.size_bytes), asked


def test_nothing_is_kept_where_nothing_has_to_be() -> None:
    search, asked = world({"layer3": 0.004})
    assert search.run(LAYERS).kept == ()
    assert asked == [()]


def test_the_planted_layer_alone_is_kept() -> None:
    search, asked = world({"layer0": 0.3})
    assert search.run(LAYERS).kept == ("layer0",)
    assert asked == [(), LAYERS, ("layer0",)]


@pytest.mark.parametrize("needed", [("layer2", "layer9"), ("layer1", "layer4", "layer17"), LAYERS[:1], LAYERS])
def test_exactly_the_needed_layers_remain(needed: tuple[str, ...]) -> None:
    search, asked = world(dict.fromkeys(needed, 0.1))
    search.most = 100
    assert search.run(LAYERS).kept == needed
    assert len(asked) == len(set(map(frozenset, asked))) == len(search.tried)


def test_the_number_of_candidates_is_bounded_and_the_answer_still_within_limits() -> None:
    search, asked = world(dict.fromkeys(LAYERS[::2], 0.1))
    search.most = 6
    best = search.run(LAYERS)
    assert best.within(LIMITS) and len(asked) <= 8


def test_limits_that_floats_break_as_well_are_said_to_be_out_of_reach() -> None:
    search, _ = world({"somewhere else": 0.02})
    with pytest.raises(UsageError, match=r"even with every layer in float16 .* brow by -2\.00; .*loosen"):
        search.run(LAYERS)


def test_the_front_holds_what_nothing_beats() -> None:
    items = [
        Candidate((), 0.8, 0, "a", worst, size)
        for worst, size in ((-0.3, 10), (-0.1, 12), (-0.2, 13), (-0.0, 20), (-0.4, 11))
    ]
    assert [item.size_bytes for item in pareto_front(items, lambda item: item.size_bytes)] == [10, 12, 20]
