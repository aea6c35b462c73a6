"""Filling polygons: by the pixel-centre rule for masks, by covered area for pictures.

Polygons are float64 arrays (N, 2) of (x, y) in picture units: the square picture spans 0..1 on both axes. Both fills
accumulate signed edge crossings row by row and integrate along x, so their cost follows the polygon's bounding
box, and a mask drawn at any size is exact for that size.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Field = NDArray[np.float32]

SUBROWS = 4
"""Sample rows per pixel row when area coverage is measured; along x the coverage is exact."""

Window = tuple[slice, slice]
Values = TypeVar("Values", NDArray[np.float32], NDArray[np.bool_])


class Patch(NamedTuple, Generic[Values]):
    """A filled polygon: `values` belong at `window` (rows, columns) of the picture; both may be empty."""

    window: Window
    values: Values


class _Crossings(NamedTuple):
    rows: NDArray[np.int64]
    x: NDArray[np.float64]
    sign: NDArray[np.float64]


def _crossings(points: Points, rows: int, scale_x: int) -> _Crossings:
    """Where the polygon's edges cross the centres of `rows` sample rows; x in pixels, sign is the edge's direction."""
    x0, y0 = points[:, 0] * scale_x, points[:, 1] * rows
    x1, y1 = np.concatenate([x0[1:], x0[:1]]), np.concatenate([y0[1:], y0[:1]])
    sign = np.where(y1 > y0, 1.0, -1.0)
    reached = np.minimum(np.maximum(np.ceil(y0 - 0.5), 0), rows).astype(np.int64)
    after = np.concatenate([reached[1:], reached[:1]])
    first, counts = np.minimum(reached, after), np.abs(after - reached)
    edge = np.repeat(np.arange(len(points)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    x = x0[edge] + (row + 0.5 - y0[edge]) * ((x1 - x0) / rise)[edge]
    return _Crossings(row, x, sign[edge])


def inside(points: Points, size: int) -> Patch[NDArray[np.bool_]]:
    """Pixels of a size x size picture whose centre lies inside the polygon (non-zero winding)."""
    rows, x, sign = _crossings(points, size, size)
    columns = np.minimum(np.maximum(np.ceil(x - 0.5), 0), size).astype(np.int64)
    if len(rows) == 0:
        return Patch((slice(0, 0), slice(0, 0)), np.zeros((0, 0), dtype=np.bool_))
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) + 1 - top, int(columns.max()) - left
    flat = (rows - top) * (width + 1) + columns - left
    steps = np.bincount(flat, weights=sign, minlength=height * (width + 1)).reshape(height, width + 1)
    winding = np.cumsum(steps[:, :width], axis=1)
    return Patch((slice(top, top + height), slice(left, left + width)), np.abs(winding) > 0.5)


def coverage(points: Points, size: int) -> Patch[Field]:
    """How much of each pixel of a size x size picture the polygon covers, float32 0..1."""
    subrows, x, sign = _crossings(points, size * SUBROWS, size)
    if len(subrows) == 0:
        return Patch((slice(0, 0), slice(0, 0)), np.zeros((0, 0), dtype=np.float32))
    x = np.minimum(np.maximum(x, 0.0), size)
    columns = np.floor(x).astype(np.int64)
    beyond = x - columns
    rows = subrows // SUBROWS
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) + 1 - top, min(int(columns.max()) + 1, size) - left
    stride = width + 2
    flat = (rows - top) * stride + columns - left
    total = height * stride
    steps = np.bincount(flat, weights=sign * (1.0 - beyond), minlength=total)
    steps += np.bincount(flat + 1, weights=sign * beyond, minlength=total)
    area = np.cumsum(steps.reshape(height, stride)[:, :width], axis=1, dtype=np.float32) / SUBROWS
    window = (slice(top, top + height), slice(left, left + width))
    return Patch(window, np.minimum(np.abs(area), 1.0, dtype=np.float32))
