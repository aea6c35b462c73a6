"""Losses against plain definitions, and where points are sampled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fpliif.training.losses import LossConfig, dice_loss, near_edges, sample_points, segmentation_loss

PLAIN = LossConfig(cross_entropy=1.0, edge=0.0)


def _points(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 50, 4, generator=generator)
    labels = torch.randint(0, 4, (2, 50), generator=generator)
    labels[0, :7] = 255
    return logits, labels, torch.rand(2, 50, generator=generator) < 0.4


def _by_hand(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return -F.log_softmax(logits[labels != 255], -1).gather(1, labels[labels != 255][:, None])[:, 0]


def test_cross_entropy_is_the_mean_over_counted_points() -> None:
    logits, labels, edge = _points()
    torch.testing.assert_close(segmentation_loss(logits, labels, edge, PLAIN), _by_hand(logits, labels).mean())


def test_edge_part_is_the_mean_over_edge_points() -> None:
    logits, labels, edge = _points()
    on_edge = _by_hand(logits, torch.where(edge, labels, 255)).mean()
    config = LossConfig(cross_entropy=0.0, edge=2.0)
    torch.testing.assert_close(segmentation_loss(logits, labels, edge, config), 2.0 * on_edge)


def test_focal_weighs_by_what_is_missing() -> None:
    logits, labels, edge = _points()
    each = _by_hand(logits, labels)
    expected = (each * (1 - torch.exp(-each)) ** 2).mean()
    config = LossConfig(edge=0.0, focal_gamma=2.0)
    torch.testing.assert_close(segmentation_loss(logits, labels, edge, config), expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_and_its_gradient_are_the_papers(gamma: float) -> None:
    """-(1 - p)^gamma log p (Lin et al. 2017, equation 4), value and derivative, in float64 by hand."""
    logits, labels, edge = _points()
    exact = logits.double().requires_grad_()
    true = exact.softmax(-1)[labels != 255].gather(1, labels[labels != 255][:, None])[:, 0]
    expected = (-((1 - true) ** gamma) * true.log()).mean()
    expected.backward()
    logits.requires_grad_()
    found = segmentation_loss(logits, labels, edge, LossConfig(edge=0.0, focal_gamma=gamma))
    found.backward()
    torch.testing.assert_close(found.double(), expected)
    assert logits.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(logits.grad.double(), exact.grad, atol=1e-7, rtol=1e-4)


def test_focal_loss_of_a_sure_answer_has_no_infinite_slope() -> None:
    logits = (torch.eye(4)[None] * 200).requires_grad_()
    edge = torch.zeros(1, 4, dtype=torch.bool)
    segmentation_loss(logits, torch.arange(4)[None], edge, LossConfig(focal_gamma=0.5)).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_ignored_points_get_no_gradient() -> None:
    logits, labels, edge = _points()
    logits.requires_grad_()
    segmentation_loss(logits, labels, edge, LossConfig(dice=1.0)).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad[0, :7], torch.zeros(7, 4))
    assert (logits.grad[0, 7:].abs().sum(-1) > 0).all()


def test_nothing_to_learn_is_zero_not_nan() -> None:
    logits, labels, edge = _points()
    assert float(segmentation_loss(logits, torch.full_like(labels, 255), edge, LossConfig(dice=1.0))) == 0.0


def test_dice_of_a_perfect_and_of_a_wrong_answer() -> None:
    labels = torch.tensor([[0, 1, 2, 255] * 25])
    perfect = F.one_hot(labels.clamp(max=2), 3).float().transpose(1, 2) * 100
    assert float(dice_loss(perfect, labels)) == pytest.approx(0.0, abs=1e-6)
    assert float(dice_loss(perfect.roll(1, dims=1), labels)) > 0.95


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_near_edges_by_brute_force(radius: int) -> None:
    masks = torch.from_numpy(np.random.default_rng(radius).choice(3, (1, 9, 12), p=[0.9, 0.05, 0.05]).astype(np.uint8))
    found = near_edges(masks, radius)[0]
    for row in range(9):
        for column in range(12):
            around = masks[0, max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
            assert bool(found[row, column]) == (len(around.unique()) > 1)


def _square(size: int = 32) -> torch.Tensor:
    masks = torch.zeros(3, size, size, dtype=torch.uint8)
    masks[:, 10:20, 10:20] = 1
    masks[2, 12:14, 12:14] = 255
    return masks


def test_points_sit_on_pixel_centres_and_carry_their_labels() -> None:
    masks = _square()
    points = sample_points(masks, 200, 1, torch.Generator().manual_seed(0))
    pixels = (points.places + 1) / 2 * 32 - 0.5
    torch.testing.assert_close(pixels, pixels.round(), atol=1e-4, rtol=0)
    rows, columns = pixels.round().long().unbind(-1)
    for image in range(3):
        assert torch.equal(points.labels[image], masks[image, rows[image], columns[image]].long())
        assert torch.equal(points.edge[image], near_edges(masks, 1)[image, rows[image], columns[image]])


def test_half_of_the_points_are_near_edges() -> None:
    points = sample_points(_square(64), 100, 1, torch.Generator().manual_seed(0))
    assert (points.edge[:, 50:]).all()
    assert points.edge[:, :50].float().mean() < 0.3


def test_a_mask_without_edges_still_gives_points() -> None:
    points = sample_points(torch.zeros(1, 16, 16, dtype=torch.uint8), 64, 2, torch.Generator().manual_seed(0))
    assert points.labels.shape == (1, 64)
    assert not points.edge.any()


def test_the_generator_decides() -> None:
    one, same, other = (sample_points(_square(), 100, 1, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(one.places, same.places)
    assert not torch.equal(one.places, other.places)
