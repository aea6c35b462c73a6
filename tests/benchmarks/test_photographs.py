"""Photographs are judged in fewer classes than the network has, and as they are: not stretched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.photographs.measuring import SIDE, mean_f1, opened
from benchmarks.photographs.merging import CLASSES, merge_table, squared
from benchmarks.photographs.page import photographs
from segdata.errors import DataError
from segdata.labels import FACE11, FACE19


@pytest.mark.parametrize("labels", [FACE11, FACE19], ids=lambda labels: labels.name)
def test_every_foreground_class_of_the_photographs_is_made_of_classes_of_the_network(labels) -> None:  # type: ignore[no-untyped-def]
    table = merge_table(labels.names)
    assert set(table.tolist()) == set(range(len(CLASSES)))
    assert CLASSES[table[labels.names.index("nose")]] == "nose"


def test_a_portrait_is_padded_with_ignored_pixels() -> None:
    image, mask = np.full((10, 6, 3), 7, np.uint8), np.ones((10, 6), np.uint8)
    wide, marked = squared(image, mask)
    assert wide.shape == (10, 10, 3)
    assert (marked[:, 2:8] == 1).all() and (marked[:, :2] == 255).all() and (marked[:, 8:] == 255).all()


def _folder(root: Path, names: tuple[str, ...]) -> Path:
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(5):
        mask = rng.integers(0, len(names), (SIDE, SIDE)).astype(np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
        Image.fromarray(np.repeat(mask[..., None], 3, 2)).save(root / "images" / f"{number}.png")
    (root / "classes.txt").write_text("\n".join(names))
    return root


def test_an_answer_equal_to_the_labels_scores_one_and_every_photograph_counts(tmp_path: Path) -> None:
    data = opened(_folder(tmp_path, CLASSES))
    assert sum(map(len, data)) == 5
    table = np.arange(len(CLASSES), dtype=np.uint8)
    assert mean_f1(lambda picture: picture[..., 0], table, data)["mean_f1"] == 1.0
    assert mean_f1(lambda picture: (picture[..., 0] + 1) % 7, table, data)["mean_f1"] < 0.2


def test_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'tree'"):
        opened(_folder(tmp_path, ("background", "tree")))


def test_the_page_has_a_row_a_set_and_a_dash_for_what_was_not_measured() -> None:
    found = {"photographs": 20, "float": {"mean_f1": 0.9, "f1": dict.fromkeys(CLASSES, 0.5)}}
    text = photographs({"photographs": {"net on frontal": found}})
    assert "| net | frontal (20) | 90.0 | – | – |" in text
