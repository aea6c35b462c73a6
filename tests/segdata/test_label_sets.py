"""Label sets and how masks of one become masks of another."""

from __future__ import annotations

import numpy as np
import pytest

from segdata import FACE11, FACE19, DataError, LabelSet, remap_table


@pytest.mark.parametrize("labels", [FACE11, FACE19])
def test_mirroring_twice_is_nothing(labels: LabelSet) -> None:
    table = labels.mirror_table()
    np.testing.assert_array_equal(table[table], np.arange(256))
    for left, right in labels.mirrored:
        assert table[labels.index(left)] == labels.index(right)
    assert (table != np.arange(256)).sum() == 2 * len(labels.mirrored)


def test_colourize_paints_each_class() -> None:
    mask = np.array([[0, 10, 255]], dtype=np.uint8)
    assert FACE11.colourize(mask).tolist() == [[list(FACE11.colours[0]), list(FACE11.colours[10]), [0, 0, 0]]]


def test_remap_goes_by_name_and_renames() -> None:
    target = LabelSet("t", ("sky", "road", "car"), ((0, 0, 0),) * 3)
    table = remap_table(("vehicle", "sky"), target, {"vehicle": "car"})
    assert table[:3].tolist() == [2, 0, 255]
    with pytest.raises(DataError, match="no class 'vehicle'; it has: sky, road, car"):
        remap_table(("vehicle",), target)


@pytest.mark.parametrize(
    ("names", "colours", "mirrored"),
    [((), (), ()), (("a", "a"), ((0, 0, 0),) * 2, ()), (("a",), (), ()), (("a",), ((0, 0, 0),), (("a", "b"),))],
)
def test_impossible_label_sets_are_refused(names: object, colours: object, mirrored: object) -> None:
    with pytest.raises(DataError):
        LabelSet("x", names, colours, mirrored)  # type: ignore[arg-type]
