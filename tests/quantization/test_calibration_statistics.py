"""What is kept of a tensor, how it is stored, which pictures are chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quantization import RecipeError
from quantization.calibration import (
    CalibrationSet,
    Method,
    StatisticsRecorder,
    balanced_choice,
    random_choice,
)
from quantization.calibration.gathering import gather, ranges_of
from quantization.calibration.plot import plot_ranges
from quantization.calibration.statistics import SAMPLED, load_statistics, save_statistics

RNG = np.random.default_rng(0)
PICTURES: NDArray[np.uint8] = RNG.integers(0, 256, (3, 4, 6, 3), dtype=np.uint8)


def calibration(store: Path | None = None, method: Method = Method.MINMAX) -> CalibrationSet:
    return CalibrationSet(PICTURES, ("a", "b", "c"), "noise", method=method, store=store)


def recorded() -> StatisticsRecorder:
    recorder = StatisticsRecorder()
    for picture in PICTURES:
        recorder.add("pixels", picture.astype(np.float32) - 100)
        recorder.add("number", np.float32(picture.mean()))
    return recorder


def test_extremes_and_means_see_every_value_of_a_large_tensor() -> None:
    large = RNG.normal(0, 1, (1, 200, 120, 16)).astype(np.float32)
    large[0, 77, 77, 3] = 1000
    recorder = StatisticsRecorder()
    recorder.add("large", large)
    seen = recorder.statistics()["large"]
    assert (seen.low, seen.high) == (float(large.min()), 1000.0)
    np.testing.assert_allclose(seen.channel_means, large.mean(axis=(0, 1, 2), dtype=np.float64))
    assert SAMPLED / 2 < seen.histogram.total <= SAMPLED


def test_a_sample_sees_every_channel() -> None:
    """With a step that divides the number of channels, whole channels would never be counted."""
    channels = np.broadcast_to(np.arange(64, dtype=np.float32), (1, 128, 128, 64))
    recorder = StatisticsRecorder()
    recorder.add("x", channels)
    histogram = recorder.statistics()["x"].histogram
    assert np.count_nonzero(histogram.counts) == 64
    assert histogram.counts[histogram.counts > 0].min() > 0.9 * histogram.total / 64


def test_means_follow_the_channel_axis() -> None:
    recorder = StatisticsRecorder(channel_axis=1)
    recorder.add("x", np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4))
    np.testing.assert_allclose(recorder.statistics()["x"].channel_means, [5.5, 17.5])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_tensor_that_is_not_finite_is_named(bad: float) -> None:
    with pytest.raises(RecipeError, match="tensor 'block/conv' holds NaN or infinity"):
        StatisticsRecorder().add("block/conv", np.asarray([0.0, bad, 1.0], dtype=np.float32))


def test_statistics_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    statistics = recorded().statistics()
    save_statistics(tmp_path / "kept.npz", statistics)
    again = load_statistics(tmp_path / "kept.npz")
    assert again is not None and list(again) == list(statistics)
    for name, item in statistics.items():
        assert (again[name].low, again[name].high) == (item.low, item.high)
        np.testing.assert_array_equal(again[name].histogram.counts, item.histogram.counts)
        np.testing.assert_array_equal(again[name].channel_means, item.channel_means)
    assert load_statistics(tmp_path / "absent.npz") is None
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]


def test_statistics_are_gathered_once_for_all_methods_and_anew_for_other_pictures(tmp_path: Path) -> None:
    runs = []

    def measure(recorder: StatisticsRecorder) -> None:
        runs.append(1)
        for picture in PICTURES:
            recorder.add("pixels", picture.astype(np.float32))

    found = {
        method: ranges_of(
            gather(calibration(tmp_path, method), "program", "tflite", measure, -1, tmp_path),
            calibration(tmp_path, method),
            Method.MEAN,
            "tflite",
        )
        for method in Method
    }
    assert len(runs) == 1
    assert found[Method.MINMAX]["pixels"] == (0.0, float(PICTURES.max()))
    assert len(list(tmp_path.glob("tflite-ranges-*.json"))) == len(Method)
    other = CalibrationSet(PICTURES[:2], ("a", "b"), "noise", store=tmp_path)
    gather(other, "program", "tflite", measure, -1, tmp_path)
    gather(calibration(tmp_path), "another program", "tflite", measure, -1, tmp_path)
    assert len(runs) == 3


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    plot_ranges(recorded().statistics(), tmp_path / "ranges.png")
    assert (tmp_path / "ranges.png").read_bytes()[:4] == b"\x89PNG"


def test_the_method_decides_the_digest_and_the_store_does_not() -> None:
    assert calibration().digest() == calibration(Path("elsewhere")).digest()
    assert calibration().digest() != calibration(method=Method.MSE).digest()
    assert calibration().pictures_digest() == calibration(method=Method.MSE).pictures_digest()


def test_a_balanced_choice_takes_the_pictures_with_rare_classes() -> None:
    pixels = np.zeros((40, 3), dtype=np.int64)
    pixels[:, 0] = 1000
    pixels[::2, 1] = 100
    pixels[[7, 23], 2] = 5
    chosen = balanced_choice(pixels, 6)
    assert {7, 23} <= set(chosen) and chosen == sorted(set(chosen)) and len(chosen) == 6
    assert any(index % 2 == 0 for index in chosen)


def test_a_random_choice_is_seeded_and_without_repeats() -> None:
    first, again, other = random_choice(1000, 32), random_choice(1000, 32), random_choice(1000, 32, seed=1)
    assert first == again != other
    assert len(set(first)) == 32 and max(first) < 1000
    assert random_choice(5, 32) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("available", "wanted"), [(0, 8), (8, 0)])
def test_a_choice_of_nothing_is_refused(available: int, wanted: int) -> None:
    with pytest.raises(RecipeError, match="give at least one training picture"):
        random_choice(available, wanted)
    with pytest.raises(RecipeError, match="give at least one training picture"):
        balanced_choice(np.zeros((available, 3), dtype=np.int64), wanted)
