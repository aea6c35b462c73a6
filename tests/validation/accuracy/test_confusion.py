"""Confusion matrices against scikit-learn and against first principles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from tests.validation.tiny_network import REPEATABLE
from validation.accuracy.confusion import ConfusionMatrix, confusion_matrix, iou_values, scores
from validation.errors import ValidationError


@st.composite
def masks(draw: st.DrawFn) -> tuple[int, np.ndarray, np.ndarray]:
    classes = draw(st.integers(1, 7))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    ids = st.integers(0, classes - 1)
    truth = draw(hnp.arrays(np.uint8, shape, elements=st.one_of(ids, st.just(255))))
    return classes, truth, draw(hnp.arrays(np.uint8, shape, elements=ids))


@REPEATABLE
@given(masks())
def test_counts_equal_scikit_learn(case: tuple[int, np.ndarray, np.ndarray]) -> None:
    classes, truth, predicted = case
    seen = truth != 255
    if not seen.any():
        assert confusion_matrix(truth, predicted, classes).sum() == 0
        return
    expected = metrics.confusion_matrix(truth[seen], predicted[seen], labels=range(classes))
    counts = confusion_matrix(truth, predicted, classes)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, expected)


@REPEATABLE
@given(masks())
def test_ratios_equal_scikit_learn_where_they_exist(case: tuple[int, np.ndarray, np.ndarray]) -> None:
    classes, truth, predicted = case
    result = scores(confusion_matrix(truth, predicted, classes))
    seen = truth != 255
    t, p = truth[seen], predicted[seen]
    for c in range(classes):
        is_true, is_predicted = t == c, p == c
        exists = bool((is_true | is_predicted).any())
        assert (result.iou[c] is not None) == exists
        assert (result.f1[c] is not None) == exists
        assert (result.precision[c] is not None) == bool(is_predicted.any())
        assert (result.recall[c] is not None) == bool(is_true.any())
        if exists:
            assert result.iou[c] == pytest.approx(metrics.jaccard_score(is_true, is_predicted, zero_division=0))
            assert result.f1[c] == pytest.approx(metrics.f1_score(is_true, is_predicted, zero_division=0))
        if is_predicted.any():
            assert result.precision[c] == pytest.approx(metrics.precision_score(is_true, is_predicted, zero_division=0))
        if is_true.any():
            assert result.recall[c] == pytest.approx(metrics.recall_score(is_true, is_predicted, zero_division=0))
    known = [value for value in result.iou if value is not None]
    assert result.miou == (pytest.approx(np.mean(known)) if known else None)
    foreground = [value for value in result.f1[1:] if value is not None]
    assert result.mean_f1 == (pytest.approx(np.mean(foreground)) if foreground else None)
    assert result.pixel_accuracy == (pytest.approx(np.mean(t == p)) if seen.any() else None)


@REPEATABLE
@given(masks(), masks())
def test_adding_matrices_is_counting_together(
    first: tuple[int, np.ndarray, np.ndarray], second: tuple[int, np.ndarray, np.ndarray]
) -> None:
    classes = max(first[0], second[0])
    one, two, both = (ConfusionMatrix(classes) for _ in range(3))
    one.update(*first[1:])
    two.update(*second[1:])
    both.update(*first[1:])
    both.update(*second[1:])
    np.testing.assert_array_equal((one + two).counts, both.counts)


def test_ratios_are_pooled_and_not_averaged_over_pictures() -> None:
    matrix = ConfusionMatrix(2)
    matrix.update(np.array([[1, 1, 1, 1]]), np.array([[1, 1, 1, 1]]))
    matrix.update(np.array([[1, 0, 0, 0]]), np.array([[0, 0, 0, 0]]))
    assert matrix.scores().iou[1] == pytest.approx(4 / 5)


def test_absent_class_is_none_and_left_out_of_means() -> None:
    result = scores(np.array([[3, 0, 0], [0, 2, 0], [0, 0, 0]]))
    assert result.iou == (1.0, 1.0, None)
    assert result.f1 == (1.0, 1.0, None)
    assert (result.miou, result.mean_f1) == (1.0, 1.0)


def test_missed_class_is_zero_and_not_none() -> None:
    result = scores(np.array([[3, 0], [2, 0]]))
    assert (result.iou[1], result.f1[1], result.precision[1], result.recall[1]) == (0.0, 0.0, None, 0.0)


def test_background_counts_in_miou_and_not_in_mean_f1() -> None:
    result = scores(np.array([[0, 4], [0, 4]]))
    assert result.miou == pytest.approx((0.0 + 0.5) / 2)
    assert result.mean_f1 == pytest.approx(2 * 4 / (4 + 8))


def test_counts_beyond_float32_stay_exact() -> None:
    big = 2**40
    matrix = ConfusionMatrix(2)
    matrix.counts += np.array([[big, 1], [0, big]])
    assert matrix.scores().pixel_accuracy == 2 * big / (2 * big + 1)


def test_stack_of_matrices_gives_a_row_each() -> None:
    stack = np.random.default_rng(0).integers(0, 5, (6, 4, 4))
    values = iou_values(stack)
    for row, counts in zip(values, stack, strict=True):
        np.testing.assert_allclose(row, [np.nan if v is None else v for v in scores(counts).iou])


@pytest.mark.parametrize(
    ("truth", "predicted", "words"),
    [
        (np.array([[3]]), np.array([[0]]), "mask holds class id 3"),
        (np.array([[0]]), np.array([[255]]), "answer holds class id 255"),
        (np.array([[-1]]), np.array([[0]]), "mask holds class id -1"),
        (np.array([[0.5]]), np.array([[0]]), "float64"),
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), "shape"),
    ],
)
def test_bad_ids_are_refused(truth: np.ndarray, predicted: np.ndarray, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        confusion_matrix(truth, predicted, 3)


def test_matrices_of_different_classes_do_not_add() -> None:
    with pytest.raises(ValidationError, match="equal classes"):
        ConfusionMatrix(2) + ConfusionMatrix(3)
    with pytest.raises(ValidationError, match="0 classes"):
        ConfusionMatrix(0)


def test_one_answer_everywhere_scores_what_it_is_said_to() -> None:
    from validation.accuracy.confusion import of_one_answer

    truth = np.array([0, 0, 0, 0, 2, 2, 255])
    found = of_one_answer(confusion_matrix(truth, np.array([2, 0, 2, 0, 2, 0, 1]), 4))
    constant = scores(confusion_matrix(truth, np.zeros(7, dtype=int), 4))
    assert found == (0, constant.miou)
    assert of_one_answer(np.zeros((3, 3), np.int64)) is None
