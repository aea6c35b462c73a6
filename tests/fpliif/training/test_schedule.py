"""Learning rate and order of scenes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpliif.training.schedule import learning_rate, scene_order


def test_warm_up_peak_and_end_at_zero() -> None:
    rates = [learning_rate(step, 100, 10, 90, 0.5) for step in range(100)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[9] == pytest.approx(0.5)
    assert max(rates) == pytest.approx(0.5)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert rates[54] == pytest.approx(0.25)
    assert rates[-1] == 0.0


def test_before_the_decay_the_length_does_not_matter() -> None:
    short, long = ([learning_rate(step, total, 10, 30, 1.0) for step in range(70)] for total in (100, 500))
    assert short == long
    assert learning_rate(70, 100, 10, 30, 1.0) < 1.0


@given(st.integers(0, 5), st.integers(1, 40), st.lists(st.integers(1, 17), min_size=1, max_size=12))
def test_order_is_a_permutation_each_pass_however_it_is_read(seed: int, scenes: int, batches: list[int]) -> None:
    parts, first = [], 0
    for batch in batches:
        parts.append(scene_order(seed, first, batch, scenes))
        first += batch
    read = np.concatenate(parts)
    assert np.array_equal(read, scene_order(seed, 0, first, scenes))
    for start in range(0, first - scenes + 1, scenes):
        assert sorted(read[start : start + scenes]) == list(range(scenes))


def test_passes_and_seeds_differ() -> None:
    first, second = scene_order(0, 0, 50, 50), scene_order(0, 50, 50, 50)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, scene_order(1, 0, 50, 50))
