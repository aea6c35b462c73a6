"""What a COCO `segmentation` covers: polygons, or run lengths as numbers or as text.

Format: https://cocodataset.org/#format-data and the public `maskApi.c` of cocoapi. Run lengths go down the columns, the
    first
counts zeros. In text, a run is a number in groups of five bits, lowest first, a character each (48 + bits, 32 added
while more follow); from the fourth run on, the number is the difference from the run before the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdata.errors import DataError

_FIRST, _MORE, _SIGN, _BITS = 48, 0x20, 0x10, 0x1F


def covered(segmentation: Any, height: int, width: int, where: str) -> NDArray[np.bool_]:
    """Pixels that a segmentation covers, bool (height, width).

    Polygons ``[[x0, y0, x1, y1, ...], ...]`` cover the pixels whose centres lie inside any of them (non-zero winding);
    parts are united. Run lengths are ``{"size": [height, width], "counts": numbers or text}``.

    Raises:
        DataError: it is neither, or of another size; begins with `where`.
    """
    if isinstance(segmentation, dict):
        return _from_runs(segmentation, height, width, where)
    if not isinstance(segmentation, list) or not all(_is_polygon(part) for part in segmentation):
        raise DataError(f"{where}: a segmentation is neither a list of polygons nor run lengths; export it again")
    whole = np.zeros((height, width), dtype=np.bool_)
    for part in segmentation:
        whole |= _filled(np.asarray(part, dtype=np.float64).reshape(-1, 2), height, width)
    return whole


def _is_polygon(part: Any) -> bool:
    return (
        isinstance(part, list)
        and len(part) >= 6
        and len(part) % 2 == 0
        and all(isinstance(value, int | float) and abs(value) < 1e9 for value in part)
    )


def _filled(points: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Pixels whose centre is inside the polygon; points are (x, y) in pixels.

    Every edge crosses the centre lines of some rows; right of a crossing the winding number changes by the edge's
    direction.
    """
    steps = np.zeros((height, width + 1), dtype=np.int64)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        low, high, sign = (y0, y1, 1) if y0 < y1 else (y1, y0, -1)
        rows = np.arange(max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), height))
        crossings = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        np.add.at(steps, (rows, np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.int64)), sign)
    inside: NDArray[np.bool_] = np.cumsum(steps, axis=1)[:, :width] != 0
    return inside


def _from_runs(segmentation: dict[str, Any], height: int, width: int, where: str) -> NDArray[np.bool_]:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise DataError(
            f"{where}: run lengths are for {size} but the picture is {[height, width]} (height, width); export it again"
        )
    runs = decoded(counts) if isinstance(counts, str) else counts
    if runs is None or not _are_runs(runs) or sum(runs) != height * width:
        raise DataError(f"{where}: run lengths do not add up to the picture's {height * width} pixels; export it again")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _are_runs(runs: Any) -> bool:
    return isinstance(runs, list) and all(type(run) is int and run >= 0 for run in runs)


def decoded(text: str) -> Sequence[int] | None:
    """Run lengths from COCO's compressed text; None if it is cut off or holds other characters."""
    runs: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 2 * _MORE or shift > 60:
            return None
        number |= (bits & _BITS) << shift
        shift += 5
        if bits & _MORE:
            continue
        if bits & _SIGN:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    return runs if shift == 0 else None
