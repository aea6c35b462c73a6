"""Norms and pooling in other forms: torch's answer, and files without the operations that the usual forms become."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from converters.formats.tflite.file.flatbuffer import read_model
from converters.formats.tflite.float_file.float_graph import float_graph
from converters.formats.tflite.torch_forms.rewrites import REWRITES
from tests.converters.making import bare_source, job_of, rewritten

SIZE = (20, 28)


def picture(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3 + 1


def lively(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for index, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index)))
    return module.eval()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 7), st.integers(1, 7))
def test_pooling_into_any_number_of_cells(height: int, width: int, rows: int, columns: int) -> None:
    image, pooled = picture(2, 3, height, width), nn.AdaptiveAvgPool2d((rows, columns))
    torch.testing.assert_close(rewritten(pooled)(image), pooled(image), rtol=1e-5, atol=1e-5)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 7), st.integers(1, 7))
def test_maxima_of_any_number_of_cells(height: int, width: int, rows: int, columns: int) -> None:
    image, pooled = picture(2, 3, height, width), nn.AdaptiveMaxPool2d((rows, columns))
    assert torch.equal(rewritten(pooled)(image), pooled(image))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9), st.booleans())
def test_norms(batch: int, height: int, width: int, affine: bool) -> None:
    image = picture(batch, 6, height, width)
    for norm in (
        nn.InstanceNorm2d(6, affine=affine),
        nn.GroupNorm(2, 6, affine=affine),
        nn.GroupNorm(1, 6, affine=affine),
        nn.GroupNorm(6, 6, eps=0.1, affine=affine),
        nn.LayerNorm(width, elementwise_affine=affine),
    ):
        lively(norm)
        torch.testing.assert_close(rewritten(norm)(image), norm(image), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.InstanceNorm2d(4, track_running_stats=True), (1, 4, 5, 6)),
        (nn.InstanceNorm1d(4), (1, 4, 9)),
        (nn.GroupNorm(2, 4), (1, 4, 9)),
        (nn.LayerNorm((5, 6)), (1, 4, 5, 6)),
        (nn.AdaptiveAvgPool2d((None, 3)), (1, 4, 5, 7)),
        (nn.AdaptiveAvgPool2d(2), (4, 5, 7)),
    ],
)
def test_what_has_no_other_form_stays(module: nn.Module, shape: tuple[int, ...]) -> None:
    image = picture(*shape)
    torch.testing.assert_close(rewritten(lively(module))(image), module(image), rtol=1e-5, atol=1e-5)


def test_programs_of_torch_export_are_rewritten_too() -> None:
    network = lively(nn.Sequential(nn.InstanceNorm2d(6, affine=True), nn.GroupNorm(2, 6), nn.AdaptiveAvgPool2d(3)))
    image = picture(1, 6, 7, 8)
    program = torch.export.export(network, (image,)).module(check_guards=False)
    seen = {node.target for node in program.graph.nodes}
    assert len(seen & set(REWRITES)) == 3
    torch.testing.assert_close(rewritten(program)(image), network(image), rtol=1e-5, atol=1e-5)


def test_expanded_values_are_the_same_bits() -> None:
    class Expanded(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image[:, :1, :, :1].expand_as(image)

    image = picture(2, 3, 4, 5) * torch.tensor([-0.0, 1.0, float("inf"), 1.0, 1.0])
    assert torch.equal(rewritten(Expanded())(image).view(torch.int32), Expanded()(image).contiguous().view(torch.int32))
    places = torch.arange(60).reshape(1, 3, 4, 5)
    assert torch.equal(rewritten(Expanded())(places), Expanded()(places))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))
def test_patches_are_cut_and_joined_bit_for_bit(
    batch: int, rows: int, columns: int, height: int, width: int, left: int
) -> None:
    patch, size = (height, width), (rows * height, columns * width)
    image = picture(batch, 3, *size)
    beyond = picture(batch, 3, size[0] + min(left, height - 1), size[1] + min(left, width - 1))  # no whole patch more
    cut, joined = nn.Unfold(patch, stride=patch), nn.Fold(size, patch, stride=patch)
    patches = cut(image)
    assert torch.equal(rewritten(cut)(image), patches)
    assert torch.equal(rewritten(cut)(beyond), cut(beyond))
    assert torch.equal(rewritten(joined)(patches), joined(patches))
    if batch == 1:
        program = torch.export.export(nn.Sequential(cut, joined), (image,)).module(check_guards=False)
        assert {node.target for node in program.graph.nodes} >= {
            torch.ops.aten.im2col.default,
            torch.ops.aten.col2im.default,
        }
        assert torch.equal(rewritten(program)(image), image)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Unfold(3, padding=1), (1, 4, 6, 6)),
        (nn.Unfold(2, dilation=2, stride=2), (1, 4, 6, 6)),
        (nn.Unfold(2, stride=2), (4, 6, 6)),
        (nn.Fold((6, 6), 3, padding=1), (1, 18, 36)),
        (nn.Fold((7, 6), 2, stride=2), (1, 16, 9)),
        (nn.Fold((6, 6), 2, stride=2), (16, 9)),
    ],
)
def test_patches_that_overlap_or_do_not_tile_stay(module: nn.Module, shape: tuple[int, ...]) -> None:
    image = picture(*shape)
    assert torch.equal(rewritten(module)(image), module(image))


class Patched(nn.Module):
    """MobileViTV2's way into its attention and out of it: the same place of every patch as one row."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        size = image.shape[2:]
        rows = nn.functional.unfold(image, (2, 2), stride=(2, 2)).reshape(1, image.shape[1], 4, -1)
        rows = rows * rows.softmax(-1)
        return nn.functional.fold(rows.reshape(1, image.shape[1] * 4, -1), size, (2, 2), stride=(2, 2))


class WrittenOut(nn.Module):
    """HardSwish as networks of before it had a name spell it."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image * (nn.functional.relu6(image + 3) / 6)


class ChannelsBehind(nn.Module):
    """A linear layer over channels, with the transpositions around it that torch needs and the file does not."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.mix(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return mixed


class Tokens(nn.Module):
    """Pixels as a sequence, normed over channels, and back: what a vision transformer does between its convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.norm(image.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(image.shape)
        return answer


class Squeezed(nn.Module):
    """Squeeze and excitation with a hard sigmoid, and HardSwish behind it, as in MobileNetV3."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1), nn.Hardsigmoid()
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return nn.functional.hardswish(image * self.gate(image))


class Separable(nn.Module):
    """MobileViTV2's attention: one score for each place, one context for each row, spread over it again."""

    def __init__(self) -> None:
        super().__init__()
        self.split = nn.Conv2d(8, 17, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        query, key, value = torch.split(self.split(image), [1, 8, 8], dim=1)
        context = (key * query.softmax(-1)).sum(-1, keepdim=True)
        return value.relu() * context.expand_as(value)


CLUMSY = {"TRANSPOSE", "GATHER_ND", "SELECT", "BROADCAST_TO", "GATHER"}
CASES: dict[str, tuple[nn.Module, set[str]]] = {
    "instance norm": (nn.InstanceNorm2d(8, affine=True), {"MEAN", "RSQRT"}),
    "layer norm between tokens": (Tokens(), {"MEAN", "RSQRT", "RESHAPE"}),
    "uneven pooling": (nn.AdaptiveAvgPool2d(3), {"MEAN", "CONCATENATION"}),
    "separable attention": (Separable(), {"SUM", "MUL"}),
    "even pooling": (nn.AdaptiveAvgPool2d(2), {"AVERAGE_POOL_2D"}),
    "squeeze and HardSwish": (Squeezed(), {"MEAN", "HARD_SWISH"}),
    "aligned corners": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), {"RESIZE_BILINEAR"}),
    "reflection": (nn.ReflectionPad2d(2), {"MIRROR_PAD"}),
    "HardSwish written out": (WrittenOut(), {"HARD_SWISH"}),
    "linear over channels": (ChannelsBehind(), {"FULLY_CONNECTED"}),
    "aligned corners to a size": (nn.Upsample((33, 41), mode="bilinear", align_corners=True), {"RESIZE_BILINEAR"}),
    "one-sided zeros": (nn.ZeroPad2d((0, 1, 0, 1)), {"PAD"}),
}


@pytest.mark.parametrize("name", CASES)
def test_files_hold_what_phones_compute_well(name: str, tmp_path: Path) -> None:
    middle, needed = CASES[name]
    network = lively(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), middle, nn.Conv2d(8, 4, 1)))
    size = tuple(network(torch.zeros(1, 3, *SIZE)).shape[2:])
    graph = float_graph(job_of(bare_source(network, SIZE, (size[0], size[1]), 4), tmp_path))
    assert graph.agreement == "exact" or int(graph.agreement.split(" ")[0]) > 90  # dB
    (file,) = read_model(graph.path).graphs
    assert needed <= set(file.operators) and not CLUMSY & set(file.operators), file.operators


def test_patches_reach_a_file_that_runs(tmp_path: Path) -> None:
    """Their order does differ from the file's, so some transpositions are the work itself."""
    network = lively(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Patched(), nn.Conv2d(8, 4, 1)))
    graph = float_graph(job_of(bare_source(network, SIZE, SIZE, 4), tmp_path))
    assert int(graph.agreement.split(" ")[0]) > 90  # dB
    (file,) = read_model(graph.path).graphs
    found = set(file.operators)
    assert not found & {"STABLEHLO_SCATTER", "GATHER", "GATHER_ND", "SELECT"}, file.operators
    assert file.operators.count("TRANSPOSE") <= 4, file.operators


def test_normalised_pixels_that_are_padded_first_are_not_transposed(tmp_path: Path) -> None:
    """TensorFlow's one-sided padding, right behind the change of channel order at the picture's end."""
    network = lively(nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 4, 3, stride=2)))
    graph = float_graph(job_of(bare_source(network, SIZE, (10, 14), 4), tmp_path))
    (file,) = read_model(graph.path).graphs
    assert "TRANSPOSE" not in file.operators, file.operators
