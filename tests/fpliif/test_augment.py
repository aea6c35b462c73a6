"""Augmentation moves picture and mask together, swaps left and right, and can be switched off."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fpliif.augment import AugmentConfig, Augmenter
from segdata.labels import FACE11

OFF = AugmentConfig(**dict.fromkeys(AugmentConfig.__dataclass_fields__, 0.0))


def _batch(count: int = 6, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures whose red value is twenty times the label, so that the two can be compared after any move."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 11, (count, size // 8, size // 8)).astype(np.uint8)
    masks = torch.from_numpy(coarse.repeat(8, 1).repeat(8, 2))
    return masks[..., None].expand(-1, -1, -1, 3).contiguous() * 20, masks


def _augment(config: AugmentConfig, size: int = 32, zoom: float = 1.0, seed: int = 0) -> tuple[torch.Tensor, ...]:
    return Augmenter(config, FACE11)(*_batch(), size, zoom, torch.Generator().manual_seed(seed))


def test_all_off_changes_nothing() -> None:
    images, masks = _batch()
    pictures, moved = _augment(OFF)
    torch.testing.assert_close(pictures, images.permute(0, 3, 1, 2) / 255.0, atol=1e-5, rtol=0)
    assert torch.equal(moved, masks)
    assert moved.dtype == torch.uint8


def test_halving_averages_pictures_and_picks_labels() -> None:
    images, masks = _batch()
    pictures, moved = _augment(OFF, size=16)
    torch.testing.assert_close(
        pictures, torch.nn.functional.avg_pool2d(images.permute(0, 3, 1, 2) / 255.0, 2), atol=1e-5, rtol=0
    )
    assert torch.equal(moved, masks[:, ::2, ::2])


def test_flip_mirrors_and_swaps_left_and_right() -> None:
    images, masks = _batch()
    pictures, moved = _augment(AugmentConfig(**{**OFF.__dict__, "flip": 1.0}))
    torch.testing.assert_close(pictures, images.permute(0, 3, 1, 2).flip(3) / 255.0, atol=1e-5, rtol=0)
    table = torch.from_numpy(FACE11.mirror_table())
    assert torch.equal(moved, table[masks.flip(2).long()])
    assert not torch.equal(moved, masks.flip(2))


def test_flip_is_drawn_per_picture() -> None:
    _, masks = _batch()
    _, moved = _augment(AugmentConfig(**{**OFF.__dict__, "flip": 0.5}))
    unchanged = (moved == masks).flatten(1).all(1)
    assert unchanged.any()
    assert not unchanged.all()


@pytest.mark.parametrize("seed", range(4))
def test_mask_follows_the_picture(seed: int) -> None:
    """Away from label edges, the moved picture still shows the moved label."""
    config = AugmentConfig(**{**OFF.__dict__, "rotation_degrees": 25.0, "scale": 0.3, "shear": 0.1, "shift": 0.2})
    pictures, moved = _augment(config, size=48, zoom=1.5, seed=seed)
    shown = pictures[:, 0] * 255.0 / 20.0
    agree = ((shown - moved).abs() < 0.5).float().mean()
    assert agree > 0.75
    assert not torch.equal(moved[:, ::3, ::3], _batch()[1][:, ::2, ::2])


def test_colours_stay_in_range_and_masks_stay() -> None:
    config = AugmentConfig(**{**AugmentConfig().__dict__, "flip": 0.0, "rotation_degrees": 0.0, "scale": 0.0,
                              "shear": 0.0, "shift": 0.0, "noise": 0.2})  # fmt: skip
    pictures, moved = _augment(config)
    assert torch.equal(moved, _batch()[1])
    assert float(pictures.min()) >= 0.0
    assert float(pictures.max()) <= 1.0
    assert not torch.equal(pictures, _augment(OFF)[0])


def test_the_generator_decides() -> None:
    one, same, other = (_augment(AugmentConfig(), zoom=1.3, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one[0], same[0])
    assert torch.equal(one[1], same[1])
    assert not torch.equal(one[0], other[0])
