"""The pooled score of the inner face, against scikit-learn's micro average."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from segdata import FACE11, FACE19
from segdata.groups import OVERALL, places_of
from validation.accuracy.confusion import confusion_matrix, pooled_f1
from validation.accuracy.result import AccuracyResult
from validation.measure import Reference
from validation.results.run import RunResult, Setting, Timing
from validation.verdict.against_reference import accuracy_of

PLACES = places_of(OVERALL, FACE11.names)


def _result(counts: np.ndarray, names: tuple[str, ...] = FACE11.names) -> AccuracyResult:
    return AccuracyResult(names, ("a",), (0,), (8, 8), False, counts[None].astype(np.uint32), None)


@given(seed=st.integers(0, 2**32), pixels=st.integers(1, 300), classes=st.integers(2, 11))
def test_overall_is_the_micro_average_of_its_classes(seed: int, pixels: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(0, classes, pixels), rng.integers(0, classes, pixels)
    found = _result(confusion_matrix(truth, answer, 11)).overall_f1
    assert PLACES is not None
    if not np.isin([*truth, *answer], PLACES).any():
        assert found is None
    else:
        assert found == pytest.approx(f1_score(truth, answer, labels=PLACES, average="micro", zero_division=0))


def test_one_eye_for_the_other_is_an_error() -> None:
    counts = np.zeros((11, 11), dtype=np.int64)
    counts[4, 5] = 7
    assert pooled_f1(counts, (4, 5)) == 0.0
    counts[4, 4] = 7
    assert pooled_f1(counts, (4, 5)) == pytest.approx(2 * 7 / (14 + 14))


def test_it_stands_in_the_report_and_comes_back() -> None:
    counts = np.diag(np.arange(11)) + np.eye(11, k=1, dtype=np.int64)
    result = _result(counts)
    run = RunResult.of(Setting("torch", "eager", 1), accuracy_of(result, None), Timing())
    assert run.to_json()["overall_f1"] == result.overall_f1
    assert RunResult.from_json(run.to_json()) == run
    reference = Reference("torch", result, None)  # type: ignore[arg-type]
    assert reference.to_json()["overall_f1"] == result.overall_f1


def test_models_of_other_classes_have_none() -> None:
    assert _result(np.eye(19, dtype=np.int64), FACE19.names).overall_f1 is None
