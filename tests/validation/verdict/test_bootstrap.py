"""The vectorized bootstrap against scipy's, and its edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from validation.accuracy.confusion import scores
from validation.errors import ValidationError
from validation.verdict.bootstrap import delta_intervals, delta_miou_ci95


def _matrices(pictures: int, classes: int, loss: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    reference = generator.integers(0, 30, (pictures, classes, classes))
    reference[:, range(classes), range(classes)] += generator.integers(100, 900, (pictures, classes))
    artifact = reference.copy()
    for picture in artifact:
        moved = (picture.diagonal() * loss * generator.random(classes)).astype(int)
        picture[range(classes), range(classes)] -= moved
        picture[range(classes), np.roll(range(classes), 1)] += moved
    return artifact, reference


def _delta(artifact: np.ndarray, reference: np.ndarray) -> float:
    return (scores(artifact).miou or 0.0) - (scores(reference).miou or 0.0)


def test_interval_agrees_with_scipy() -> None:
    artifact, reference = _matrices(40, 5, loss=0.2)
    index = np.arange(40)

    def statistic(chosen: np.ndarray) -> float:
        return _delta(artifact[chosen].sum(axis=0), reference[chosen].sum(axis=0))

    theirs = stats.bootstrap(
        (index,), statistic, n_resamples=4000, vectorized=False, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    ours = delta_miou_ci95(artifact, reference, resamples=4000, seed=5)
    assert ours is not None
    width = theirs.high - theirs.low
    assert ours[0] == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours[1] == pytest.approx(theirs.high, abs=0.08 * width)
    assert ours[0] <= _delta(artifact.sum(axis=0), reference.sum(axis=0)) <= ours[1]


def test_every_draw_equals_a_plain_loop() -> None:
    artifact, reference = _matrices(7, 3, loss=0.3)
    generator = np.random.default_rng(3)
    drawn = generator.integers(0, 7, size=(200, 7), dtype=np.int32)
    deltas = [_delta(artifact[row].sum(axis=0), reference[row].sum(axis=0)) for row in drawn]
    ours = delta_miou_ci95(artifact, reference, resamples=200, seed=3)
    assert ours == pytest.approx(tuple(np.quantile(deltas, (0.025, 0.975))))


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    artifact, reference = _matrices(30, 4, loss=0.1)
    whole = delta_intervals(artifact, reference, resamples=500, seed=1)
    monkeypatch.setattr("validation.verdict.bootstrap._CHUNK_CELLS", 30 * 7)
    assert delta_intervals(artifact, reference, resamples=500, seed=1) == whole


def test_identical_models_differ_by_exactly_nothing() -> None:
    _, reference = _matrices(10, 3, loss=0.0)
    found = delta_intervals(reference, reference, resamples=100)
    assert found.miou == (0.0, 0.0)
    assert found.per_class == ((0.0, 0.0),) * 3


def test_absent_class_has_no_interval_and_does_not_spoil_the_mean() -> None:
    artifact, reference = (np.pad(part, ((0, 0), (0, 1), (0, 1))) for part in _matrices(10, 3, loss=0.2))
    found = delta_intervals(artifact, reference, resamples=100, seed=2)
    assert found.per_class[3] is None
    assert found.miou == delta_miou_ci95(artifact[:, :3, :3], reference[:, :3, :3], resamples=100, seed=2)


def test_class_in_one_picture_only_is_judged_where_it_was_drawn() -> None:
    artifact, reference = (np.pad(part, ((0, 0), (0, 1), (0, 1))) for part in _matrices(10, 3, loss=0.0))
    reference[4, 3, 3] = 50
    artifact[4, 3, 3], artifact[4, 3, 0] = 25, 25
    found = delta_intervals(artifact, reference, resamples=300, seed=2).per_class[3]
    assert found == pytest.approx((-0.5, -0.5))


def test_one_picture_tells_nothing() -> None:
    artifact, reference = _matrices(1, 3, loss=0.2)
    assert delta_intervals(artifact, reference).miou is None


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 3, 2), (2, 2)])
def test_unpaired_matrices_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="paired"):
        delta_intervals(np.zeros(shape, int), np.zeros((2, 2, 2), int) if len(shape) == 3 else np.zeros(shape, int))
    with pytest.raises(ValidationError, match="resamples"):
        delta_intervals(np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), resamples=0)
