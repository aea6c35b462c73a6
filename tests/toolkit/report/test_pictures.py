"""Example pictures: what was saved is what is read back, small and whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdata import FACE11
from toolkit.report.content.example_images import save_difference, save_mask, save_picture


def read(path: Path, mode: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert(mode))


def test_photographs_come_back_exactly(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = save_picture(image, tmp_path / "new" / "a.png")
    assert np.array_equal(read(path, "RGB"), image)


def test_masks_have_the_colours_of_their_classes(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).integers(0, 11, (40, 30), dtype=np.uint8)
    mask[0, 0] = 255
    path = save_mask(mask, FACE11.colours, tmp_path / "mask.png")
    assert np.array_equal(read(path, "RGB"), FACE11.colourize(mask))
    with Image.open(path) as picture:
        assert picture.mode == "P"
        assert np.array_equal(np.asarray(picture), mask)


def test_differences_are_red_where_maps_differ_and_faint_elsewhere(tmp_path: Path) -> None:
    reference = np.zeros((8, 8), dtype=np.uint8)
    answer = reference.copy()
    answer[2, 3] = 5
    pixels = read(save_difference(reference, answer, tmp_path / "difference.png"), "RGBA")
    differing = answer != reference
    assert (pixels[differing] == (225, 29, 72, 255)).all()
    assert (pixels[~differing] == (128, 128, 128, 40)).all()


def test_maps_of_two_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one size"):
        save_difference(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
