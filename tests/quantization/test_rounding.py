"""GPTQ against rounding to the nearest."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from quantization.rounding import gptq

RNG = np.random.default_rng(3)


def correlated(samples: int, inputs: int) -> NDArray[np.float64]:
    """Inputs that vary together, as neighbouring pixels do."""
    mixing = RNG.normal(size=(inputs, inputs)) / inputs**0.5 + 0.5
    return RNG.normal(size=(samples, inputs)) @ mixing


def test_the_answer_changes_less_than_by_rounding_to_the_nearest() -> None:
    weights, x = RNG.normal(size=(16, 40)), correlated(500, 40)
    scales = np.abs(weights).max(axis=1) / 7
    chosen = gptq(weights, x.T @ x, scales, 7)
    nearest = np.clip(np.rint(weights / scales[:, None]), -7, 7)

    def error(integers: NDArray[np.floating]) -> float:
        return float(np.square(x @ (weights - integers * scales[:, None]).T).mean())

    assert error(chosen) < 0.4 * error(nearest)
    assert np.abs(chosen).max() <= 7


def test_inputs_that_know_nothing_of_each_other_are_rounded_to_the_nearest() -> None:
    weights = RNG.normal(size=(5, 8))
    scales = np.full(5, 0.1)
    nearest = np.clip(np.rint(weights / 0.1), -127, 127)
    for moments in (np.eye(8), np.diag(np.arange(1.0, 9.0)), np.zeros((8, 8))):
        np.testing.assert_array_equal(gptq(weights, moments, scales, 127), nearest)


def test_dead_inputs_do_no_harm() -> None:
    weights, x = RNG.normal(size=(6, 10)), correlated(200, 10)
    x[:, 3:6] = 0
    chosen = gptq(weights, x.T @ x, np.full(6, 0.2), 127)
    np.testing.assert_array_equal(chosen[:, 3:6], np.rint(weights[:, 3:6] / 0.2))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        gptq(np.ones((2, 3)), np.eye(4), np.ones(2), 7)
