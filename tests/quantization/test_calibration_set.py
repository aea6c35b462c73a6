"""Calibration pictures: what is refused, what the digest depends on, and their scaling."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from quantization import RecipeError
from quantization.calibration import CalibrationSet

PICTURES: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)


def test_tensors_are_scaled_one_picture_each() -> None:
    calibration = CalibrationSet(PICTURES, ("a", "b"), "noise")
    unit, byte = calibration.tensors(unit_range=True), calibration.tensors(unit_range=False)
    assert [item.shape for item in unit] == [(1, 4, 6, 3)] * 2
    assert all(item.dtype == np.float32 for item in (*unit, *byte))
    np.testing.assert_allclose(unit[1][0] * 255, PICTURES[1], rtol=1e-6)
    np.testing.assert_array_equal(byte[0][0], PICTURES[0])


def test_digest_depends_on_pixels_and_ids_only() -> None:
    digest = CalibrationSet(PICTURES, ("a", "b"), "noise").digest()
    changed = PICTURES.copy()
    changed[0, 0, 0, 0] ^= 1
    assert CalibrationSet(PICTURES.copy(), ("a", "b"), "elsewhere").digest() == digest
    assert CalibrationSet(changed, ("a", "b"), "noise").digest() != digest
    assert CalibrationSet(PICTURES, ("a", "c"), "noise").digest() != digest


@pytest.mark.parametrize(
    ("images", "ids", "message"),
    [
        (PICTURES[:0], (), "empty"),
        (PICTURES.astype(np.float32), ("a", "b"), "must be uint8"),
        (PICTURES[..., 0], ("a", "b"), "must be uint8"),
        (PICTURES, ("a",), "2 calibration pictures but 1 ids"),
        (np.full((2, 4, 6, 3), 7, np.uint8), ("a", "b"), "one flat colour"),
    ],
)
def test_useless_sets_are_refused(images: NDArray[np.uint8], ids: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        CalibrationSet(images, ids, "noise")
