"""Augmentation moves picture and mask together, swaps left and right, and can be switched off."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fpliif.training.augment import AugmentConfig, Augmenter
from segdata.labels import FACE11, FACE19, LabelSet

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


@pytest.mark.parametrize("labels", [FACE11, FACE19], ids=lambda labels: labels.name)
def test_flip_swaps_every_class_that_has_a_side(labels: LabelSet) -> None:
    """One picture a class: its own class in the left half; what stands in the right half afterwards goes by name."""
    masks = torch.zeros(len(labels), 16, 16, dtype=torch.uint8)
    masks[:, :, :8] = torch.arange(len(labels), dtype=torch.uint8)[:, None, None]
    images = torch.zeros(len(labels), 16, 16, 3, dtype=torch.uint8)
    config = AugmentConfig(**{**OFF.__dict__, "flip": 1.0})
    _, moved = Augmenter(config, labels)(images, masks, 16, 1.0, torch.Generator().manual_seed(0))
    for index, name in enumerate(labels.names):
        # l_lip is the lower lip and has no partner.
        expected = labels.index(_swapped(name)) if _swapped(name) in labels.names else index
        assert (moved[index, :, 8:] == expected).all(), name
        assert (moved[index, :, :8] == 0).all()


def _swapped(name: str) -> str:
    """The name with left and right exchanged, by its first part alone."""
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}", "l": f"r_{rest}", "r": f"l_{rest}"}.get(side, name)


@pytest.mark.parametrize("mask_size", [16, 64, 96])
def test_masks_of_another_size_show_the_same_place(mask_size: int) -> None:
    """The pictures stay as they are; pixel centres that both grids have carry the same labels."""
    images, masks = _batch()

    def augmented(size: int | None) -> tuple[torch.Tensor, torch.Tensor]:
        augmenter = Augmenter(AugmentConfig(), FACE11)
        return augmenter(images, masks, 32, 1.5, torch.Generator().manual_seed(1), size)

    pictures, moved = augmented(None)
    same_pictures, other = augmented(mask_size)
    assert torch.equal(pictures, same_pictures)
    assert other.shape == (6, mask_size, mask_size)
    if mask_size == 96:
        assert (other[:, 1::3, 1::3] == moved).float().mean() > 0.999
    shown = torch.nn.functional.interpolate(other[:, None].float(), (32, 32), mode="nearest-exact")[:, 0]
    assert (shown == moved).float().mean() > 0.85


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
    config = AugmentConfig(
        **{
            **AugmentConfig().__dict__,
            "flip": 0.0,
            "rotation_degrees": 0.0,
            "scale": 0.0,
            "shear": 0.0,
            "shift": 0.0,
            "noise": 0.2,
        }
    )
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


def _only(**changes: float) -> AugmentConfig:
    return AugmentConfig(**{**OFF.__dict__, **changes})


def test_what_an_occluder_hides_becomes_background_and_the_rest_stays() -> None:
    images, masks = _batch()
    pictures, moved = _augment(_only(occluder=1.0))
    before = images.permute(0, 3, 1, 2) / 255.0
    hidden = (pictures - before).abs().amax(1) > 1e-4
    assert hidden.any()
    assert (moved[hidden] == 0).all()
    seen = ~hidden
    assert torch.equal(moved[seen & (moved != 0)], masks[seen & (moved != 0)])


def test_grey_pictures_have_no_colour_left() -> None:
    rng = np.random.default_rng(1)
    images = torch.from_numpy(rng.integers(0, 256, (3, 16, 16, 3)).astype(np.uint8))
    masks = torch.zeros(3, 16, 16, dtype=torch.uint8)
    pictures, _ = Augmenter(_only(grey=1.0), FACE11)(images, masks, 16, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(pictures, pictures.mean(1, keepdim=True).expand_as(pictures))


def test_dim_pictures_keep_a_fifth_to_four_fifths_of_their_light() -> None:
    images, _ = _batch()
    pictures, _ = _augment(_only(dim=1.0))
    share = pictures.mean((1, 2, 3)) / (images.float().mean((1, 2, 3)) / 255.0)
    assert ((share > 0.19) & (share < 0.81)).all()


@pytest.mark.parametrize("change", ["low_resolution", "jpeg"])
def test_coarse_and_compressed_pictures_lose_detail_but_keep_their_labels(change: str) -> None:
    rng = np.random.default_rng(2)
    images = torch.from_numpy(rng.integers(0, 256, (4, 32, 32, 3)).astype(np.uint8))
    masks = torch.from_numpy(rng.integers(0, 11, (4, 32, 32)).astype(np.uint8))
    pictures, moved = Augmenter(_only(**{change: 1.0}), FACE11)(
        images, masks, 32, 1.0, torch.Generator().manual_seed(0)
    )
    before = images.permute(0, 3, 1, 2) / 255.0
    assert torch.equal(moved, masks)
    assert (pictures.diff(dim=3).abs().mean((1, 2, 3)) < before.diff(dim=3).abs().mean((1, 2, 3))).all()


def test_a_stretch_changes_the_shape_alone() -> None:
    images, masks = _batch()
    pictures, moved = _augment(_only(stretch=0.5))
    assert not torch.equal(moved, masks)
    assert moved.shape == masks.shape
    assert pictures.shape == images.permute(0, 3, 1, 2).shape
