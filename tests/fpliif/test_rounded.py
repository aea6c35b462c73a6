"""The network as its deployed graph computes it, with rounding in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from converters import ModelSource, PixelRange, make_plan
from converters.conversion.perform import perform
from fpliif.deploy import deploy
from fpliif.network import FPLIIF
from fpliif.rounded import RoundedFPLIIF
from quantization import RecipeError, recipe
from quantization.calibration import CalibrationSet
from quantization.qat import FakeQuantization, ObservedRanges
from tests.fpliif.tiny_fpliif import scrambled, tiny_config
from toolkit.apps.fine_tuning import rounding_of
from validation.runners import runners


def pixel_centres(size: int) -> Tensor:
    """(1, size * size, 2): where `forward` answers, row by row."""
    centres = (torch.arange(size) + 0.5) / size * 2 - 1
    return torch.stack(torch.meshgrid(centres, centres, indexing="ij"), -1).reshape(1, -1, 2)


@pytest.fixture(scope="module")
def network() -> FPLIIF:
    return scrambled(tiny_config())


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def test_without_rounding_it_is_the_network(network: FPLIIF, picture: Tensor) -> None:
    seen = ObservedRanges()
    rounded = RoundedFPLIIF(network, seen)
    with torch.no_grad():
        for size in (32, 20, 8):
            torch.testing.assert_close(
                rounded(picture, (size, size)), network(picture, (size, size)), rtol=1e-4, atol=1e-4
            )
        points = pixel_centres(32)
        torch.testing.assert_close(
            rounded.at_points(picture, points), network.at_points(picture, points), rtol=1e-4, atol=1e-4
        )
    assert all(low <= 0 <= high for low, high in seen.ranges().values())


def test_points_and_grid_round_alike(network: FPLIIF, picture: Tensor) -> None:
    """They differ only in where they round between the two resizes: by less than rounding itself changes the answer."""
    rounded = RoundedFPLIIF(network, fake(network, picture))
    with torch.no_grad():
        grid = rounded(picture, (32, 32)).flatten(2).transpose(1, 2)
        points = rounded.at_points(picture, pixel_centres(32))
        exact = network(picture, (32, 32)).flatten(2).transpose(1, 2)
    assert (points - grid).square().mean() < (grid - exact).square().mean()
    assert (grid - exact).abs().max() > 0


def test_gradients_reach_every_parameter(network: FPLIIF, picture: Tensor) -> None:
    rounded = RoundedFPLIIF(network, fake(network, picture))
    rounded.at_points(picture, pixel_centres(32)).square().mean().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    network.zero_grad(set_to_none=True)
    assert not without


def test_the_statistics_of_batch_norms_stay(network: FPLIIF, picture: Tensor) -> None:
    before = {name: value.clone() for name, value in network.named_buffers()}
    network.train()
    RoundedFPLIIF(network, fake(network, picture)).at_points(picture, pixel_centres(32))
    network.eval()
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())


def test_weights_take_the_steps_of_the_recipe() -> None:
    weights = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    for name, most in (("int8_static", 255), ("int4_dynamic", 15)):
        stored = FakeQuantization(recipe(name), {}).weights(weights)
        for channel in range(4):
            steps = stored[channel] / (weights[channel].abs().max() / (most // 2))
            torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-3)
            assert float(steps.abs().max()) == pytest.approx(most // 2)


@pytest.mark.parametrize("name", ["float16", "int16x8", "palette6"])
def test_recipes_with_nothing_to_train_for_are_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="nothing"):
        FakeQuantization(recipe(name), {})


def test_it_rounds_as_a_real_8_bit_file_does(network: FPLIIF, tmp_path: Path) -> None:
    """Executed by LiteRT: noise as large within 2 dB, and the same noise for the most part."""
    generator = np.random.default_rng(8)
    pictures = generator.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    source = ModelSource(
        name="tiny",
        classes=tuple("abcde"),
        colours=((0, 0, 0),) * 5,
        input_size=(32, 32),
        output_size=(32, 32),
        pixel_range=PixelRange.UNIT,
        parameters=1,
        weights_sha256="0" * 64,
        origin="test",
        module=deploy(network, 32, 32),
    )
    calibration = CalibrationSet(pictures, tuple("1234"), "noise")
    plan = make_plan(source, [("tflite", recipe("int8_static"))], calibration=calibration.digest())
    (outcome,) = perform(plan, tmp_path, calibration)
    assert outcome.artifact is not None, outcome.error
    tensors = [torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255 for picture in pictures]
    rounding = rounding_of("int8_static")(network, tensors)
    with runners()["litert"](outcome.artifact, "xnnpack", 1) as runner, torch.no_grad():
        real = np.stack([np.moveaxis(runner.predict(picture), 2, 0) for picture in pictures])
        exact = torch.cat([network(picture, (32, 32)) for picture in tensors]).numpy()
        emulated = torch.cat([RoundedFPLIIF(network, rounding)(picture, (32, 32)) for picture in tensors]).numpy()
    noise, likewise = real - exact, emulated - exact
    ratio = 10 * np.log10(np.square(noise).mean() / np.square(likewise).mean())
    assert abs(ratio) < 2, ratio
    assert np.corrcoef(noise.ravel(), likewise.ravel())[0, 1] > 0.5


def fake(network: FPLIIF, picture: Tensor) -> FakeQuantization:
    observed = ObservedRanges()
    with torch.no_grad():
        RoundedFPLIIF(network, observed)(picture, (32, 32))
    return FakeQuantization(recipe("int8_static"), observed.ranges())
