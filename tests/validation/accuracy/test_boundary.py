"""Boundary scores against the published definitions, computed class by class with plain morphology."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

from validation.accuracy.boundary import BoundaryCounts, boundary_counts, default_distance
from validation.errors import ValidationError

SQUARE = np.ones((3, 3), dtype=bool)


def band(mask: NDArray[np.bool_], distance: int) -> NDArray[np.bool_]:
    """Boundary IoU's own mask_to_boundary: what `distance` erosions of the mask, zero outside, take away."""
    inner: NDArray[np.bool_] = mask & ~binary_erosion(mask, SQUARE, iterations=distance, border_value=0)
    return inner


def definition(
    truth: NDArray[np.uint8], answer: NDArray[np.uint8], label: int, distance: int
) -> tuple[float | None, float | None]:
    known = truth != 255
    ours, theirs = (band(labels == label, distance) & known for labels in (truth, answer))
    union = (ours | theirs).sum()
    iou = (ours & theirs).sum() / union if union else None
    a, b = (band(labels == label, 1) & known for labels in (truth, answer))
    if not a.any() and not b.any():
        return iou, None
    if not a.any() or not b.any():
        return iou, 0.0
    window = np.ones((2 * distance + 1, 2 * distance + 1), dtype=bool)
    recall = (a & binary_dilation(b, window)).sum() / a.sum()
    precision = (b & binary_dilation(a, window)).sum() / b.sum()
    return iou, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def assert_same(found: tuple[float | None, ...], expected: list[float | None]) -> None:
    assert [value is None for value in found] == [value is None for value in expected]
    assert [v for v in found if v is not None] == pytest.approx([v for v in expected if v is not None], abs=1e-12)


maps = st.integers(3, 24).flatmap(
    lambda side: st.tuples(
        arrays(np.uint8, (side, side + 2), elements=st.sampled_from([0, 1, 2, 3, 255])),
        arrays(np.uint8, (side, side + 2), elements=st.sampled_from([0, 1, 2, 3])),
    )
)


@settings(max_examples=60)
@given(pair=maps, distance=st.integers(1, 4))
def test_equals_the_published_definitions(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]], distance: int) -> None:
    truth, answer = pair
    found = boundary_counts(truth, answer, 4, distance)
    expected = [definition(truth, answer, label, distance) for label in range(4)]
    assert_same(found.boundary_iou, [iou for iou, _ in expected])
    assert_same(found.boundary_f1, [f1 for _, f1 in expected])


def test_large_areas_of_many_classes() -> None:
    rng = np.random.default_rng(0)
    truth = np.kron(rng.integers(0, 150, (6, 8)), np.ones((9, 9))).astype(np.uint8)
    answer = np.roll(truth, (1, 2), axis=(0, 1))
    found = boundary_counts(truth, answer, 150, 2)
    expected = [definition(truth, answer, label, 2) for label in range(150)]
    assert_same(found.boundary_iou, [iou for iou, _ in expected])
    assert_same(found.boundary_f1, [f1 for _, f1 in expected])


def test_counts_of_pictures_add_up() -> None:
    truth = np.zeros((20, 20), dtype=np.uint8)
    truth[5:15, 5:15] = 1
    moved = np.roll(truth, 1, axis=0)
    right, shifted = boundary_counts(truth, truth, 3, 2), boundary_counts(truth, moved, 3, 2)
    pooled = BoundaryCounts.zero(3) + right + shifted
    assert right.boundary_iou == (1.0, 1.0, None) == right.boundary_f1
    assert shifted.boundary_iou[1] is not None and 0.5 < shifted.boundary_iou[1] < 1.0
    assert shifted.boundary_f1[1] == 1.0  # moved by less than the distance
    assert np.array_equal(pooled.counts, right.counts + shifted.counts)


def test_a_picture_that_nobody_labelled_counts_nowhere() -> None:
    truth = np.full((9, 9), 255, dtype=np.uint8)
    found = boundary_counts(truth, np.zeros((9, 9), dtype=np.uint8), 2)
    assert not found.counts.any()
    assert found.boundary_iou == (None, None) == found.boundary_f1


def test_bad_input() -> None:
    small = np.zeros((4, 4), dtype=np.uint8)
    with pytest.raises(ValidationError, match="equal sizes"):
        boundary_counts(small, np.zeros((5, 4), dtype=np.uint8), 2)
    with pytest.raises(ValidationError, match="1 or more"):
        boundary_counts(small, small, 2, 0)


def test_default_distance_is_the_published_fraction() -> None:
    assert default_distance((256, 256)) == 7
    assert default_distance((8, 8)) == 1
