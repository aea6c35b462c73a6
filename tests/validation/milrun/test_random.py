"""Random operations give other numbers than Apple's generator, so their distributions are held against the definitions.

Bounds are six standard errors of each estimate under the defined distribution: a right generator breaks one of them
less than once in a hundred million tests, and the seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from validation.milrun import Interpreter

from .building import program

pytest.importorskip("coremltools")
COUNT = 40_000
SIGMAS = 6.0
SHAPE = (200, 200)


def drawn(
    build: Callable[[Any], Any], folder: Path, times: int = 1, shape: tuple[int, ...] = (1,)
) -> list[NDArray[np.float32]]:
    """What a program answers, `times` times over."""

    def body(x: Any) -> Any:
        from coremltools.converters.mil.mil import Builder as mb  # noqa: N813

        return build(mb), mb.identity(x=x, name="same")

    interpreter = Interpreter(program(body, {"x": shape}, folder))
    answers = [interpreter.predict({"x": np.zeros(shape, np.float32)}) for _ in range(times)]
    return [next(value for name, value in answer.items() if name != "same") for answer in answers]


def close(found: float, expected: float, error: float) -> None:
    """Within six standard errors."""
    assert abs(found - expected) <= SIGMAS * error, (found, expected, error)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (-3.0, 0.25), (100.0, 7.0)])
def test_normal(mean: float, deviation: float, tmp_path: Path) -> None:
    (values,) = drawn(lambda mb: mb.random_normal(shape=SHAPE, mean=mean, stddev=deviation, seed=5), tmp_path)
    close(float(values.mean(dtype=np.float64)), mean, deviation / COUNT**0.5)
    close(float(values.std(dtype=np.float64)), deviation, deviation / (2 * COUNT) ** 0.5)
    assert stats.kstest((values.ravel() - mean) / deviation, "norm").pvalue > 1e-6


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.0, 5.0)])
def test_uniform(low: float, high: float, tmp_path: Path) -> None:
    (values,) = drawn(lambda mb: mb.random_uniform(shape=SHAPE, low=low, high=high, seed=6), tmp_path)
    assert low <= values.min() and values.max() <= high
    close(float(values.mean(dtype=np.float64)), (low + high) / 2, (high - low) / (12 * COUNT) ** 0.5)
    assert stats.kstest(values.ravel(), "uniform", args=(low, high - low)).pvalue > 1e-6


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 1.0])
def test_bernoulli(probability: float, tmp_path: Path) -> None:
    (values,) = drawn(lambda mb: mb.random_bernoulli(shape=SHAPE, prob=np.float32(probability), seed=7), tmp_path)
    assert set(np.unique(values)) <= {0.0, 1.0}
    close(float(values.mean()), probability, (probability * (1 - probability) / COUNT) ** 0.5)


@pytest.mark.parametrize("mode", ["probs", "logits"])
def test_categorical(mode: str, tmp_path: Path) -> None:
    shares = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], np.float32)
    given = shares if mode == "probs" else np.log(np.maximum(shares, 1e-30))
    (values,) = drawn(lambda mb: mb.random_categorical(x=given, mode=mode, size=COUNT, seed=8), tmp_path)
    assert values.shape == (2, COUNT)
    for row, wanted in zip(values, shares, strict=True):
        counts = np.bincount(row.astype(int), minlength=3)
        for count, share in zip(counts, wanted, strict=True):
            close(count / COUNT, float(share), float(share * (1 - share) / COUNT) ** 0.5)


def test_a_seed_fixes_the_numbers_and_minus_one_does_not(tmp_path: Path) -> None:
    fixed = drawn(lambda mb: mb.random_normal(shape=(50,), seed=9), tmp_path, times=2)
    free = drawn(lambda mb: mb.random_normal(shape=(50,), seed=-1), tmp_path, times=2)
    other = drawn(lambda mb: mb.random_normal(shape=(50,), seed=10), tmp_path)
    assert (fixed[0] == fixed[1]).all()
    assert (free[0] != free[1]).any()
    assert (fixed[0] != other[0]).any()
