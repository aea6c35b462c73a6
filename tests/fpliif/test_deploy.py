"""The deployed graph equals the network, and stores nothing but weights and thin biases."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from fpliif.config import preset
from fpliif.deploy import Size, deploy
from fpliif.errors import ConfigError
from fpliif.network import FPLIIF, count_parameters
from tests.fpliif.tiny_fpliif import scrambled, tiny_config

SIZES: list[tuple[Size, Size]] = [
    (64, 64),
    (64, 16),
    (64, 8),
    (32, 128),
    ((61, 70), (37, 90)),
    ((40, 64), (10, 64)),
    (4, 1),
]


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize(("input_size", "output_size"), SIZES)
@pytest.mark.parametrize("pixel_range", ["unit", "byte"])
def test_equals_the_network(norm: str, input_size: Size, output_size: Size, pixel_range: Any) -> None:
    if norm == "instance" and input_size == 4:
        input_size = 8  # instance norm has no variance on a grid of one cell
    network = scrambled(tiny_config(norm))
    deployed = deploy(network, output_size, input_size, pixel_range)
    image = torch.rand(1, 3, *deployed.input_size)
    with torch.no_grad():
        expected = network(image, deployed.output_size)
        answer = deployed(image * 255.0 if pixel_range == "byte" else image)
    assert answer.shape == expected.shape
    assert (answer - expected).abs().max() <= 1e-4 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("changes", [{"position": "coordinates", "position_bands": 0}, {"pixel_depth": 2}])
def test_equals_the_network_for_other_decoders(changes: dict[str, Any]) -> None:
    network = scrambled(tiny_config(**changes))
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(deploy(network, 48, 32)(image), network(image, (48, 48)), rtol=1e-4, atol=1e-4)


def test_full_size_network_to_a_ten_thousandth() -> None:
    torch.manual_seed(0)
    network = FPLIIF(preset("fp-liif", 11)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.1, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        assert (deploy(network, 128)(image) - network(image, (128, 128))).abs().max() <= 1e-4


def test_labels_are_the_argmax() -> None:
    network = scrambled(tiny_config())
    image = torch.rand(1, 3, 32, 32)
    labels = deploy(network, 40, 32, output="labels")(image)
    assert labels.dtype == torch.int32
    assert torch.equal(labels, deploy(network, 40, 32)(image).argmax(1).int())


@pytest.mark.parametrize("output_size", [64, 256, 512])
def test_no_constant_larger_than_the_coordinates(output_size: int) -> None:
    network = FPLIIF(preset("fp-liif", 11))
    deployed = deploy(network, output_size)
    largest = max(buffer.numel() for buffer in deployed.buffers())
    assert largest == 256 * output_size
    stored = sum(value.numel() for value in deployed.state_dict().values())
    assert stored <= count_parameters(network) + 2 * 256 * output_size


def test_no_norm_is_left_and_the_network_is_untouched() -> None:
    network = scrambled(tiny_config())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    deployed = deploy(network, 32, 32)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in deployed.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_in_training_mode_is_deployed_for_evaluation() -> None:
    network = scrambled(tiny_config())
    image = torch.rand(1, 3, 32, 32)
    expected = deploy(network, 32, 32)(image)
    assert torch.equal(deploy(network.train(), 32, 32)(image), expected)
    assert network.training


def test_one_trace_serves_every_picture() -> None:
    """No control flow and no constant depends on the traced picture."""
    deployed = deploy(scrambled(tiny_config()), 24, 32)
    traced = torch.jit.trace(deployed, torch.zeros(1, 3, 32, 32))
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(traced(image), deployed(image))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"output_size": 0}, "output_size"),
        ({"output_size": 8, "input_size": 3}, "input_size"),
        ({"output_size": 8, "pixel_range": "float"}, "pixel_range"),
        ({"output_size": 8, "output": "scores"}, "output"),
    ],
)
def test_bad_options_are_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        deploy(FPLIIF(tiny_config()), **arguments)
