"""Fitting samples to a size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segdata import DataError, Sample, fit

sides = st.integers(1, 40)


def _nearest(index: int, old: int, new: int) -> set[int]:
    """The old pixel under the centre of new pixel `index`; both neighbours where the centre lies on their border."""
    centre = (index + 0.5) * old / new
    return {min(max(int(centre + nudge), 0), old - 1) for nudge in (-1e-6, 1e-6)}


@given(sides, sides, sides, sides)
def test_fit_gives_the_size_and_invents_no_class(h: int, w: int, height: int, width: int) -> None:
    rng = np.random.default_rng([h, w, height, width])
    mask = rng.choice(np.array([0, 3, 9, 255], dtype=np.uint8), (h, w))
    sample = Sample("a", rng.integers(0, 256, (h, w, 3), dtype=np.uint8), mask)
    fitted = fit(sample, (height, width))
    assert fitted.image.shape == (height, width, 3)
    assert fitted.mask.shape == (height, width)
    assert set(np.unique(fitted.mask)) <= set(np.unique(mask))
    for (row, column), found in np.ndenumerate(fitted.mask):
        assert found in {mask[y, x] for y in _nearest(row, h, height) for x in _nearest(column, w, width)}


def test_a_fitting_sample_is_left_alone() -> None:
    sample = Sample("a", np.zeros((5, 5, 3), dtype=np.uint8), np.zeros((5, 5), dtype=np.uint8))
    assert fit(sample, 5) is sample


def test_shrinking_averages_the_image() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    fitted = fit(Sample("a", stripes, np.zeros((64, 64), dtype=np.uint8)), 8)
    assert np.abs(fitted.image.astype(int) - 127).max() <= 8


@pytest.mark.parametrize("size", [0, -3, (4, 0)])
def test_a_size_below_one_is_refused(size: int | tuple[int, int]) -> None:
    with pytest.raises(DataError, match="at least one pixel"):
        fit(Sample("a", np.zeros((5, 5, 3), dtype=np.uint8), np.zeros((5, 5), dtype=np.uint8)), size)
