from __future__ import annotations

import pytest
import torch

from benchmarks.claims.baselines.networks import BASELINES, BiSeNetLike, DenseNetwork, UNet, static_graph
from benchmarks.claims.first_layer.joined import JoinedFPLIIF
from fpliif.config import preset
from fpliif.cost import multiply_adds
from fpliif.deploy import deploy
from fpliif.network import FPLIIF, count_parameters
from fpliif.training.losses import sample_points
from tests.fpliif.tiny_fpliif import scrambled, tiny_config


def trained_looking(network: DenseNetwork) -> DenseNetwork:
    """Norms with statistics and scales that matter, as after a training."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low in (
                (module.weight, 0.5),
                (module.bias, -0.5),
                (module.running_mean, -0.5),
                (module.running_var, 0.5),
            ):
                assert tensor is not None
                tensor.data.copy_(torch.rand(tensor.shape, generator=generator) + low)
    return network.eval()


@pytest.mark.parametrize("name", list(BASELINES))
def test_baselines_have_about_fp_liifs_parameters_and_no_more_multiply_adds(name: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    network = BASELINES[name](11).eval()
    config = preset("fp-liif", 11)
    assert count_parameters(network) == pytest.approx(count_parameters(FPLIIF(config)), rel=0.05)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        answer = network(torch.rand(1, 3, 256, 256))
    assert answer.shape == (1, 11, 256, 256)
    assert counter.get_total_flops() / 2 <= multiply_adds(config, (256, 256), (256, 256))


@pytest.mark.parametrize("network", [UNet(3, (4, 8, 8)), BiSeNetLike(3, (4, 4, 8), (4, 4, 8, 8), 8)])
def test_static_graph_answers_as_the_network_and_has_no_norms_left(network: DenseNetwork) -> None:
    trained_looking(network)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    graph = static_graph(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in graph.modules())
    torch.testing.assert_close(graph(image), network(image), atol=1e-4, rtol=1e-4)


def test_points_at_pixel_centres_are_the_dense_logits() -> None:
    network = trained_looking(UNet(3, (4, 8)))
    image = torch.rand(2, 3, 16, 16)
    masks = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).expand(2, -1, -1)
    points = sample_points(masks, 100, 1, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        dense = network(image).flatten(2).transpose(1, 2)
        found = network.at_points(image, points.places)
    places = points.labels  # this mask numbers its own pixels, 255 included
    torch.testing.assert_close(found, dense.gather(1, places[..., None].expand(-1, -1, 3)), atol=1e-5, rtol=1e-4)


def test_another_output_size_is_a_resize_of_the_logits() -> None:
    network = trained_looking(UNet(3, (4, 8)))
    image = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        expected = torch.nn.functional.interpolate(network(image), size=(24, 24), mode="bilinear")
        torch.testing.assert_close(network(image, (24, 24)), expected)


def test_the_joined_network_is_the_trained_and_the_rewritten_one() -> None:
    network = scrambled(tiny_config())
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        answer = JoinedFPLIIF(network, 32)(image)
        for other in (network(image, (32, 32)), deploy(network, 32, 32)(image)):
            torch.testing.assert_close(answer, other, atol=2e-3, rtol=1e-4)
            assert float((answer - answer.mean()).abs().max()) > 1
