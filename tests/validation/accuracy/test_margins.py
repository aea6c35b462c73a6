"""Margins: what they are, that they add up exactly, and that their figures are right within the bins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from converters import Artifact
from tests.validation.tiny_network import REPEATABLE, MemoryDataset
from validation.accuracy.evaluation import evaluate, reference_maps
from validation.accuracy.maps import margins_beside
from validation.accuracy.margins import BINS, MarginCounts, margin_map
from validation.errors import ValidationError
from validation.runners.base.values import label_map
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.reference import TorchArtifact, TorchRunner


def test_a_margin_is_the_lead_of_the_first_class_over_the_second() -> None:
    logits = np.array([[[1.0, 4.0, 2.5], [-1.0, -1.0, -3.0]]], dtype=np.float32)
    assert margin_map(logits).tolist() == [[1.5, 0.0]]
    assert margin_map(logits[:, :, :1]).tolist() == [[0.0, 0.0]]
    assert margin_map(np.array([[[1e30, 0.0]]], dtype=np.float32)).tolist() == [[65504.0]]


@given(st.integers(1, 400), st.floats(0.001, 1000), st.integers(0, 2**32 - 1))
@REPEATABLE
def test_mean_and_quantile_are_those_of_numpy_within_the_bins(count: int, scale: float, seed: int) -> None:
    margins = np.random.default_rng(seed).exponential(scale, (1, count)).astype(np.float16)
    found = MarginCounts.of(margins, np.ones((1, count), dtype=bool))
    assert found.pixels == count
    assert found.mean == pytest.approx(float(margins.astype(np.float64).mean()), abs=1 / 2048)
    exact = float(np.quantile(margins.astype(np.float64), 0.95, method="inverted_cdf"))
    # A bin is 1/32 of its value wide (below 2^-14, where float16 runs out of exponents, 2^-19).
    assert found.quantile(0.95) == pytest.approx(exact, rel=1 / 32, abs=2**-19)


def test_pictures_add_up_exactly_in_any_order() -> None:
    random = np.random.default_rng(0)
    parts = [random.exponential(3, (4, 5)).astype(np.float16) for _ in range(6)]
    everywhere = np.ones((4, 5), dtype=bool)
    whole = MarginCounts.of(np.concatenate(parts), np.ones((24, 5), dtype=bool))
    for order in (parts, parts[::-1]):
        total = MarginCounts.zero()
        for part in order:
            total += MarginCounts.of(part, everywhere)
        assert total.to_json() == whole.to_json()
        assert (total.bins == whole.bins).all()


def test_only_the_pixels_asked_for_count() -> None:
    margins = np.array([[1.0, 2.0, 8.0]], dtype=np.float16)
    found = MarginCounts.of(margins, np.array([[True, False, True]]))
    assert (found.pixels, found.mean) == (2, 4.5)


def test_no_pixels_have_no_figures() -> None:
    assert MarginCounts.zero().to_json() == {"pixels": 0, "mean": None, "p95": None}
    assert MarginCounts.zero().bins.shape == (BINS,)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_validation_counts_the_margins_of_the_pixels_whose_class_changed(
    workers: int,
    artifacts: dict[str, Artifact],
    float_artifact: TorchArtifact,
    dataset: MemoryDataset,
    logits_of: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    tmp_path: Path,
) -> None:
    """Against the same figures from the network and the runtime, computed apart."""
    with TorchRunner(float_artifact) as reference:
        maps, own = reference_maps(reference, dataset, tmp_path / "reference.npy")
    assert own.margin_at_flips is None
    runner = LiteRtRunner(artifacts["tflite-int8_static"])
    if workers == 1:
        with runner:
            found = evaluate(runner, dataset, references=maps)
    else:
        found = evaluate(runner, dataset, references=maps, workers=workers)
    lost = []
    with runner:
        for index in range(len(dataset)):
            logits = np.sort(logits_of(dataset[index].image), axis=2)
            changed = label_map(runner.predict(dataset[index].image)) != logits_of(dataset[index].image).argmax(axis=2)
            lost.append((logits[:, :, -1] - logits[:, :, -2])[changed])
    expected = np.concatenate(lost)
    assert found.margin_at_flips is not None
    assert found.flips is not None
    assert 0 < found.margin_at_flips.pixels == len(expected) == found.flips.sum() - np.trace(found.flips)
    assert found.margin_at_flips.mean == pytest.approx(float(expected.mean()), abs=2e-3)
    p95 = float(np.quantile(expected, 0.95, method="inverted_cdf"))
    assert found.margin_at_flips.quantile(0.95) == pytest.approx(p95, rel=0.04)


def test_references_without_margins_leave_them_out(
    artifacts: dict[str, Artifact], float_artifact: TorchArtifact, dataset: MemoryDataset, tmp_path: Path
) -> None:
    with TorchRunner(float_artifact) as reference:
        maps, _ = reference_maps(reference, dataset, tmp_path / "reference.npy")
    margins_beside(maps.path).unlink()
    with LiteRtRunner(artifacts["tflite-int8_static"]) as runner:
        assert evaluate(runner, dataset, references=maps).margin_at_flips is None
        margins_beside(maps.path).write_bytes(b"no margins")
        with pytest.raises(ValidationError, match="holds no margins"):
            evaluate(runner, dataset, references=maps)
