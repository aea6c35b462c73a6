"""Transposed convolutions of every padding, rewritten and then through litert-torch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from converters.formats.tflite.float_file.float_graph import float_graph
from converters.formats.tflite.torch_forms.transposed import cut_transposed
from converters.source import ModelSource
from tests.converters.making import bare_source, job_of, rewritten


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(1, 2),
    st.sampled_from((1, 2)),
    st.booleans(),
)
def test_what_is_cut_off_an_unpadded_one_is_torchs_answer(
    kernel: int, stride: int, padding: int, extra: int, dilation: int, groups: int, biased: bool
) -> None:
    extra = min(extra, max(stride, dilation) - 1)  # torch takes no larger one
    generator = torch.Generator().manual_seed(0)
    image = torch.randn((1, 4, 6, 5), generator=generator)
    weight = torch.randn((4, 3, kernel, kernel), generator=generator)
    bias = torch.randn(3 * groups, generator=generator) if biased else None
    span = dilation * (kernel - 1) + extra + 1 - 2 * padding
    if 4 * stride + span < 1:
        return  # nothing would be left
    rest = (stride, padding, extra, groups, dilation)
    wanted = functional.conv_transpose2d(image, weight, bias, *rest)
    torch.testing.assert_close(cut_transposed(image, weight, bias, *rest), wanted, rtol=1e-5, atol=1e-5)


def doubling(seed: int = 0) -> nn.Module:
    """What U-Nets end with: kernel 3, stride 2, and torch's own way to exactly twice the size."""
    torch.manual_seed(seed)
    up = nn.ConvTranspose2d(8, 5, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.PReLU(8), up).eval()


@pytest.mark.parametrize("exported", [False, True])
def test_litert_torch_converts_them(exported: bool, tmp_path: Path) -> None:
    network = doubling()
    if exported:
        from converters.torch_sources.adapter import FixedMode

        program = torch.export.export(network, (torch.rand(1, 3, 32, 48),)).module(check_guards=False)
        program.validate_inputs = False
        network = FixedMode(program)
    source: ModelSource = bare_source(network, (32, 48), (32, 48), 5)
    graph = float_graph(job_of(source, tmp_path))
    assert int(graph.agreement.split(" ")[0]) > 100  # dB


def test_other_networks_are_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 2, 2, stride=2)).eval()
    image = torch.rand((1, 3, 8, 8))
    assert torch.equal(rewritten(network)(image), network(image))
