"""Polygon filling against slow, obvious implementations."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segdata.faces.synthetic.shapes.raster import SUBROWS, Points, coverage, inside

coordinates = st.floats(-0.6, 1.6, allow_nan=False)
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9).map(
    lambda pairs: np.asarray(pairs, dtype=np.float64)
)


def _winding(points: Points, x: float, y: float) -> int:
    """Signed crossings of the ray to the left of (x, y)."""
    count = 0
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if (y0 > y) != (y1 > y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) < x:
            count += 1 if y1 > y0 else -1
    return count


@given(polygons, st.integers(1, 14))
def test_inside_is_the_pixel_centre_rule(points: Points, size: int) -> None:
    window, values = inside(points, size)
    filled = np.zeros((size, size), dtype=bool)
    filled[window] = values
    for row in range(size):
        for column in range(size):
            x, y = (column + 0.5) / size, (row + 0.5) / size
            near = abs(_winding(points, x - 1e-9, y)), abs(_winding(points, x + 1e-9, y))
            assert filled[row, column] in {near[0] > 0, near[1] > 0}


def _area(points: Points) -> float:
    x, y = points.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


@given(
    st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    st.floats(0.05, 0.28),
    st.integers(3, 12),
    st.integers(8, 40),
)
def test_coverage_sums_to_the_area(centre: tuple[float, float], radius: float, corners: int, size: int) -> None:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    points = np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1)
    _, values = coverage(points, size)
    # Rows are sampled at the middle of sub-rows of height h: for a width w(y) of bounded variation V the midpoint rule
    # is off by at most h V / 2, and a convex shape's width rises and falls once, so V <= 2 * (2 radius).
    height = 1 / (size * SUBROWS)
    assert abs(float(values.sum()) / size**2 - _area(points)) <= height * 2 * radius + 1e-6
    assert values.min() >= -1e-6
    assert values.max() <= 1.0


@given(polygons, st.integers(1, 14))
def test_fills_stay_in_the_picture(points: Points, size: int) -> None:
    for window, values in (inside(points, size), coverage(points, size)):
        assert all(0 <= part.start <= part.stop <= size for part in window)
        assert values.shape == tuple(part.stop - part.start for part in window)


def _half_plane(size: int) -> NDArray[np.float32]:
    points = np.array([[-1.0, -1.0], [0.5, -1.0], [0.5, 2.0], [-1.0, 2.0]])
    window, values = coverage(points, size)
    picture = np.zeros((size, size), dtype=np.float32)
    picture[window] = values
    return picture


def test_an_edge_through_a_pixel_covers_half_of_it() -> None:
    assert _half_plane(3).tolist() == [[1.0, 0.5, 0.0]] * 3
