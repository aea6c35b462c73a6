"""Every method against a brute-force or closed-form answer, and what all of them promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantization import RecipeError
from quantization.calibration import Histogram, Method, StatisticsRecorder, TensorStatistics, decisive_range, range_of
from quantization.calibration.methods import divergence, squared_error

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(0, 1, 60_000).astype(np.float32)
SKEWED = np.maximum(RNG.normal(-0.5, 1, 60_000), 0).astype(np.float32) ** 3
TAILED = np.append(RNG.laplace(0, 1, 60_000), [80.0, -120.0]).astype(np.float32)
SAMPLES = {"normal": NORMAL, "skewed": SKEWED, "tailed": TAILED}


def statistics_of(*pictures: NDArray[np.floating]) -> TensorStatistics:
    recorder = StatisticsRecorder()
    for picture in pictures:
        recorder.add("x", picture.reshape(-1, 1))
    return recorder.statistics()["x"]


def real_error(values: NDArray[np.floating], low: float, high: float, bits: int) -> float:
    """Mean squared error of really quantizing `values`, none of the bins involved."""
    step = (high - low) / (2**bits - 1)
    rounded = np.clip(np.rint((values - low) / step), 0, 2**bits - 1) * step + low
    return float(np.mean((rounded - values.astype(np.float64)) ** 2))


@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_nan=False, width=32) | st.just(0.0), min_size=1, max_size=40),
    method=st.sampled_from(Method),
    bits=st.sampled_from([4, 8]),
)
@settings(max_examples=150, deadline=None)
def test_ranges_lie_within_what_was_seen_and_hold_zero(values: list[float], method: Method, bits: int) -> None:
    array = np.asarray(values, dtype=np.float32)
    low, high = range_of(statistics_of(array), method, bits)
    assert low <= 0.0 <= high and low < high
    assert low >= min(float(array.min()), 0.0)
    assert high <= max(float(array.max()), 0.0, low + 2.0**-20)


def test_minmax_is_the_extremes_and_mean_their_average_over_pictures() -> None:
    seen = statistics_of(np.float32([-1, 2]), np.float32([-3, 8]))
    assert range_of(seen, Method.MINMAX) == (-3.0, 8.0)
    assert range_of(seen, Method.MEAN) == (-2.0, 5.0)


@pytest.mark.parametrize("name", SAMPLES)
def test_percentile_keeps_what_sorting_says(name: str) -> None:
    values = SAMPLES[name]
    seen = statistics_of(values)
    low, high = range_of(seen, Method.PERCENTILE)
    width = seen.histogram.width
    assert high == pytest.approx(max(np.percentile(values, 99.99), 0), abs=2 * width)
    assert low == pytest.approx(min(np.percentile(values, 0.01), 0), abs=2 * width)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", SAMPLES)
def test_mse_is_as_good_as_trying_all_pairs(name: str, bits: int) -> None:
    values = SAMPLES[name]
    low, high = range_of(statistics_of(values), Method.MSE, bits)
    fractions = np.linspace(0.3, 1.0, 15)
    lows = [min(float(values.min()), 0.0) * fraction for fraction in fractions]
    best = min(real_error(values, l, float(values.max()) * h, bits) for l in lows for h in fractions)  # noqa: E741
    assert real_error(values, low, high, bits) <= best * 1.03


def test_squared_error_of_the_bins_is_that_of_the_values() -> None:
    seen = statistics_of(NORMAL)
    for limits in ((-2.0, 2.0), (-1.0, 3.0)):
        assert squared_error(seen.histogram, limits, 4) == pytest.approx(real_error(NORMAL, *limits, 4), rel=0.02)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_octav_is_the_minimum_of_the_expected_error(bits: int) -> None:
    """Sakr et al. 2022: J(s) = 4^-B / 3 s^2 P(|x| <= s) + E[(|x| - s)^2; |x| > s], here minimised by brute force."""
    magnitudes = np.abs(NORMAL.astype(np.float64))

    def expected(threshold: float) -> float:
        inside = float((magnitudes <= threshold).mean())
        clipped = float((np.maximum(magnitudes - threshold, 0) ** 2).mean())
        return 4.0**-bits / 3 * threshold**2 * inside + clipped

    thresholds = np.linspace(0.5, float(magnitudes.max()), 2000)
    best = min(expected(float(threshold)) for threshold in thresholds)
    _, high = range_of(statistics_of(NORMAL), Method.OCTAV, bits)
    assert expected(high) <= best * 1.02


def test_octav_finds_the_published_clipping_of_a_gaussian() -> None:
    """4 bits: 2.55 standard deviations clip best by Banner et al. 2019 (arXiv 1810.05723), whose model OCTAV shares."""
    values = np.random.default_rng(3).normal(0, 1, 60_000)
    _, high = range_of(statistics_of(values), Method.OCTAV, 4)
    assert high == pytest.approx(2.55, abs=0.08)


def test_kl_takes_the_threshold_of_least_divergence() -> None:
    seen = statistics_of(TAILED)
    magnitudes, _ = np.histogram(np.abs(TAILED), bins=np.arange(0, 130, seen.histogram.width))
    magnitudes[0] = magnitudes[1]
    ends = range(128, len(magnitudes), 8)
    best = min(ends, key=lambda end: divergence(magnitudes.astype(np.int64), end, 128))
    low, high = range_of(seen, Method.KL)
    assert high == pytest.approx(best * seen.histogram.width, rel=0.1)
    assert -low == high < 80, "two outliers in 60,000 values are clipped"


def test_divergence_is_scipys() -> None:
    from scipy.stats import entropy

    magnitudes = np.asarray([9, 7, 5, 3, 2, 1, 1, 1], dtype=np.int64)
    # 6 bins kept in 3 levels: pairs share their mean, what is clipped joins the last bin.
    p, q = np.asarray([9, 7, 5, 3, 2, 3]), np.asarray([8, 8, 4, 4, 1.5, 1.5])
    assert divergence(magnitudes, 6, 3) == pytest.approx(float(entropy(p, q)))


@pytest.mark.parametrize("method", [Method.PERCENTILE, Method.MSE, Method.KL, Method.OCTAV, Method.MEAN])
def test_an_outlier_is_clipped_by_all_but_minmax(method: Method) -> None:
    pictures = np.split(NORMAL[:59_200], 16)
    pictures[3] = np.append(pictures[3], np.float32(500))
    seen = statistics_of(*pictures)
    assert range_of(seen, Method.MINMAX)[1] == 500
    # The squared error of clipping one value by 300 outweighs coarse steps for the 60,000 others; elsewhere it does
    # not.
    assert range_of(seen, method)[1] < (490 if method in (Method.MSE, Method.OCTAV) else 200)


def test_too_few_bits_are_refused() -> None:
    with pytest.raises(RecipeError, match="1 bits hold no range"):
        range_of(statistics_of(NORMAL), Method.MSE, 1)


@given(
    parts=st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20), min_size=2, max_size=5),
    seed=st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
@example(parts=[[0.0], [8.407790785948902e-45]], seed=0)  # the smaller is a subnormal number
@example(parts=[[1e-40, 0.0], [0.0], [-3e-39]], seed=1)
def test_adding_histograms_is_counting_at_once_in_any_order(parts: list[list[float]], seed: int) -> None:
    arrays = [np.asarray(part, dtype=np.float32) for part in parts]
    together = Histogram.of(np.concatenate(arrays))
    order = np.random.default_rng(seed).permutation(len(arrays))
    added = Histogram.of(arrays[order[0]])
    for place in order[1:]:
        added = added + Histogram.of(arrays[place])
    assert (added.exponent, added.first) == (together.exponent, together.first)
    np.testing.assert_array_equal(added.counts, together.counts)


def test_histogram_is_numpys() -> None:
    found = Histogram.of(NORMAL)
    edges = (found.first + np.arange(len(found.counts) + 1)) * found.width
    np.testing.assert_array_equal(found.counts, np.histogram(NORMAL, edges)[0])
    assert 2048 <= len(found.counts) <= 4096 and math.log2(found.width).is_integer()


def test_kl_is_not_misled_by_the_zeros_of_a_relu() -> None:
    rectified = np.maximum(NORMAL, 0)
    assert range_of(statistics_of(rectified), Method.KL)[1] > 2.5


def test_decisive_logits_keep_every_winner_and_round_finer() -> None:
    """Two classes compete near zero, the third is out of the question and far away, as in segmentation networks."""
    logits = np.random.default_rng(5).normal([0, 0.5, -90], [3, 3, 5], (20_000, 3))
    ordered = np.sort(logits, axis=-1)
    low, high = decisive_range(statistics_of(ordered[:, -1]), statistics_of(ordered[:, -2]))
    assert logits.min() < 10 * low and high < logits.max(), "both ends are clipped"
    clipped = np.clip(logits, low, high)
    np.testing.assert_array_equal(clipped.argmax(-1), logits.argmax(-1))

    def wrong(lowest: float, highest: float) -> float:
        step = (highest - lowest) / 255
        rounded = np.clip(np.rint((logits - lowest) / step), 0, 255)
        return float((rounded.argmax(-1) != logits.argmax(-1)).mean())

    assert wrong(low, high) < 0.25 * wrong(float(logits.min()), float(logits.max()))
