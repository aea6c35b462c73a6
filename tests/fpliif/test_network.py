"""FP-LIIF's size, its answers at any size, and its decoder against a plain reading of the paper's figure."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fpliif.config import preset
from fpliif.cost import multiply_adds
from fpliif.network import FPLIIF, count_parameters, normalise, position_code
from tests.fpliif.tiny_fpliif import scrambled, tiny_config


def test_parameters_are_those_of_the_paper() -> None:
    assert 2_290_000 <= count_parameters(FPLIIF(preset("fp-liif", 11))) <= 2_300_000


def test_mobile_needs_a_quarter_of_the_multiply_adds() -> None:
    full, mobile = (multiply_adds(preset(name, 11), (256, 256), (256, 256)) for name in ("fp-liif", "fp-liif-mobile"))
    assert mobile <= full / 4


def test_multiply_adds_against_counted_convolutions() -> None:
    from fpliif.deploy import deploy

    config = tiny_config()
    deployed = deploy(FPLIIF(config), (24, 40), (32, 48))
    counted = 0

    def count(module: torch.nn.Conv2d, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        counted += output[0, 0].numel() * module.weight.numel()

    for module in deployed.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    deployed(torch.rand(1, 3, 32, 48))
    assert multiply_adds(config, (32, 48), (24, 40)) == counted


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("size", [(32, 32), (7, 50), (64, 64), (129, 1)])
def test_answers_at_any_size(norm: str, size: tuple[int, int]) -> None:
    network = scrambled(tiny_config(norm))
    with torch.no_grad():
        logits = network(torch.rand(2, 3, 32, 45), size)
    assert logits.shape == (2, 5, *size)
    assert torch.isfinite(logits).all()


def test_grid_is_a_quarter_of_the_picture() -> None:
    grid, average = FPLIIF(preset("fp-liif-mobile", 11)).eval().features(torch.rand(1, 3, 64, 128))
    assert grid.shape == (1, 64, 16, 32)
    assert average.shape == (1, 64)


def test_decoder_is_unfold_mlp_upsample_join_mlp() -> None:
    """Written out once more, literally: unfold, two-layer MLP, upsample, concatenate, MLP per pixel."""
    network = scrambled(tiny_config())
    image, size = torch.rand(1, 3, 20, 24), (13, 31)
    with torch.no_grad():
        z = network.encoder(normalise(image))
        unfolded = F.unfold(z, 3, padding=1)[0].T
        narrowed = network.reduce2(F.relu(network.reduce1(unfolded))).T.reshape(1, -1, *z.shape[2:])
        upsampled = F.interpolate(narrowed, size, mode="bilinear", align_corners=False)[0]
        for row, column in ((0, 0), (5, 17), (12, 30)):
            joined = torch.cat(
                [
                    upsampled[:, row, column],
                    z.mean((2, 3))[0],
                    position_code(size[0], network.config.position_bands)[row],
                    position_code(size[1], network.config.position_bands)[column],
                ]
            )
            for layer in network.pixel[:-1]:
                joined = F.relu(layer(joined))
            expected = network.pixel[-1](joined)
            torch.testing.assert_close(network(image, size)[0, :, row, column], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (11, 40)])
def test_points_equal_the_dense_answer(size: tuple[int, int]) -> None:
    network = scrambled(tiny_config())
    image = torch.rand(2, 3, 32, 36)
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    points = torch.stack([(rows.flatten() + 0.5) / size[0], (columns.flatten() + 0.5) / size[1]], -1) * 2 - 1
    with torch.no_grad():
        dense = network(image, size)
        sparse = network.at_points(image, points.expand(2, -1, -1))
    torch.testing.assert_close(sparse, dense.flatten(2).transpose(1, 2), rtol=1e-4, atol=1e-4)


def test_position_code_means_the_same_place_at_every_size() -> None:
    fine, coarse = position_code(64, 3), position_code(32, 3)
    torch.testing.assert_close(fine[:, 0].reshape(32, 2).mean(1), coarse[:, 0])
    assert fine.abs().max() <= 1
    assert torch.allclose(fine[:, 0], -fine[:, 0].flip(0))


def test_blocks_start_as_the_identity() -> None:
    network = FPLIIF(tiny_config())
    x = torch.rand(2, 8, 10, 10)
    assert torch.equal(network.encoder.group1.blocks(x), x)
