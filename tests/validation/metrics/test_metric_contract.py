"""What holds for every metric, ours and those of other packages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from validation import metrics as room
from validation.accuracy.metric import Metric
from validation.errors import ValidationError
from validation.metrics import measured_metrics, metrics

ALL = list(metrics().values())
NAMES = ("background", "skin", "hair")
COUNTS = np.array([[50, 5, 0], [10, 25, 5], [0, 0, 5]], np.int64)

matrices = st.lists(st.integers(0, 10_000), min_size=9, max_size=9).map(lambda cells: np.array(cells).reshape(3, 3))


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
class TestEvery:
    def test_a_perfect_answer_has_the_best_value(self, metric: Metric) -> None:
        assert metric.score(np.diag(np.array([7, 1, 3], np.int64)), NAMES) == pytest.approx(metric.best)

    def test_a_wrong_answer_has_another(self, metric: Metric) -> None:
        value = metric.score(COUNTS, NAMES)
        assert value is not None and value != pytest.approx(metric.best)

    def test_nothing_labelled_is_no_number(self, metric: Metric) -> None:
        assert metric.score(np.zeros((3, 3), np.int64), NAMES) is None

    @given(counts=matrices)
    def test_it_counts_shares_and_not_pixels(self, metric: Metric, counts: NDArray[np.int64]) -> None:
        value = metric.score(counts, NAMES)
        assert value is None or np.isfinite(value)
        assert metric.score(counts * 3, NAMES) == (None if value is None else pytest.approx(value))

    def test_it_has_a_name_for_programs_and_one_for_people(self, metric: Metric) -> None:
        assert metric.name.isidentifier() and metric.name == metric.name.lower() and metric.title


def test_values_by_hand() -> None:
    found = measured_metrics(COUNTS, NAMES)
    # IoU 50/65, 25/45, 5/10 weighted by 55, 40 and 5 of 100 labelled pixels; recall 50/55, 25/40, 5/5
    assert found["frequency_weighted_iou"] == pytest.approx(0.55 * 50 / 65 + 0.40 * 25 / 45 + 0.05 * 5 / 10)
    assert found["mean_accuracy"] == pytest.approx((50 / 55 + 25 / 40 + 1) / 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much"])
def test_a_metric_that_is_no_number_is_named(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Metric("broken", "broken", lambda counts, classes: value)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(room, "metrics", lambda: {"broken": broken})
    with pytest.raises(ValidationError, match=r"metric .broken. answered .* it must give a finite number or None"):
        measured_metrics(COUNTS, NAMES)
