"""Networks with operations that converters once refused: each is made and right in all three formats, or refused with
its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from converters import ConversionError, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.converters import small_network as small
from tests.converters.making import artifact_of, bare_source
from validation.runners import runners

SIZE = (48, 40)
RUNNERS = {"tflite": "litert", "coreml": "milrun", "onnx": "onnxruntime"}


class Pyramid(nn.Module):
    """Means of cells that do not divide the map, resized and put beside it, as PSPNet has them."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(cells), nn.Conv2d(8, 4, 1)) for cells in (1, 3, 7)
        )
        self.joined = nn.Conv2d(20, 8, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        size = image.shape[2:]
        levels = [
            functional.interpolate(pool(image), size=size, mode="bilinear", align_corners=True) for pool in self.pools
        ]
        mixed: torch.Tensor = self.joined(torch.cat([image, *levels], 1))
        return mixed


class Unpooled(nn.Module):
    """Pooled and unpooled by its places, as in SegNet; twice, so that places are told apart."""

    def __init__(self, window: int = 2, stride: int = 2, padding: int = 0) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(window, stride, padding, return_indices=True)
        self.unpool = nn.MaxUnpool2d(window, stride, padding)
        self.layer = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        first, places = self.pool(image)
        second, deeper = self.pool(first)
        back = self.unpool(torch.relu(self.layer(second)), deeper, output_size=first.shape)
        whole: torch.Tensor = self.unpool(back, places, output_size=image.shape)
        return whole


class Antialiased(nn.Module):
    """Made smaller with all pixels weighed, and larger again."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        less = functional.interpolate(image, size=(11, 7), mode="bilinear", antialias=True)
        return functional.interpolate(less, size=image.shape[2:], mode="bicubic", antialias=True)


class Largest(nn.Module):
    """Divided by the largest value of the picture."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image / (image.amax((1, 2, 3), keepdim=True) + 1e-6)


class Queries(nn.Module):
    """Masks of queries and their classes, put together by einsum, as in Mask2Former's head."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, 5, 8))
        self.embedded, self.classes = nn.Linear(8, 8), nn.Linear(8, 9)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        masks = torch.einsum("bqc,bchw->bqhw", self.embedded(self.queries), image).sigmoid()
        return torch.einsum("bqc,bqhw->bchw", self.classes(self.queries).softmax(-1)[..., :-1], masks)


class Reassembled(nn.Module):
    """Upsampled by kernels that the picture chooses: unfold, pixel shuffle and a weighted sum, as in CARAFE."""

    def __init__(self, size: int = 3, times: int = 2) -> None:
        super().__init__()
        self.size, self.times = size, times
        self.kernels = nn.Conv2d(8, (size * times) ** 2, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        less = functional.avg_pool2d(image, self.times)
        _, channels, height, width = less.shape
        whole = height * self.times, width * self.times
        weights = functional.pixel_shuffle(self.kernels(less), self.times).softmax(1)[:, None]
        patches = functional.unfold(less, self.size, padding=self.size // 2).view(1, -1, height, width)
        near = functional.interpolate(patches, scale_factor=self.times, mode="nearest").view(1, channels, -1, *whole)
        return (near * weights).sum(2)


class Rows(nn.Module):
    """Rows read in both directions by a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = nn.LSTM(8, 4, batch_first=True, bidirectional=True)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        _, channels, height, width = image.shape
        rows = image.permute(0, 2, 3, 1).reshape(height, width, channels)
        read: torch.Tensor = self.reader(rows)[0].reshape(1, height, width, channels)
        return read.permute(0, 3, 1, 2)


class Spectral(nn.Module):
    """A layer between a Fourier transform and back, as in LaMa."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(16, 16, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        waves = torch.fft.rfftn(image, dim=(-2, -1), norm="ortho")
        real, imaginary = torch.relu(self.layer(torch.cat([waves.real, waves.imag], 1))).chunk(2, 1)
        return torch.fft.irfftn(torch.complex(real, imaginary), s=image.shape[-2:], dim=(-2, -1), norm="ortho")


def resized(middle: nn.Module) -> nn.Module:
    """A pooling of an odd map, resized to what the map was."""
    return nn.Sequential(nn.ZeroPad2d((0, -1, 1, -2)), middle, nn.Upsample((24, 20), mode="bilinear"))


MIDDLES: dict[str, Callable[[], nn.Module]] = {
    "a pyramid of uneven cells": Pyramid,
    "largest values of uneven cells": lambda: resized(nn.AdaptiveMaxPool2d((5, 7))),
    "unpooling": Unpooled,
    "windows beyond the end": lambda: resized(nn.MaxPool2d(3, 2, ceil_mode=True)),
    "means beyond the end, padded": lambda: resized(nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)),
    "means beyond the end": lambda: resized(nn.AvgPool2d(2, 2, ceil_mode=True)),
    "means without padding": lambda: resized(nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "means with padding": lambda: resized(nn.AvgPool2d(3, 2, 1)),
    "sums by a divisor of their own": lambda: resized(nn.AvgPool2d(2, 2, divisor_override=3)),
    "an antialiased resize": Antialiased,
    "a nearest resize by no whole factor": lambda: nn.Sequential(
        nn.MaxPool2d(5, 5), nn.Upsample((24, 20), mode="nearest")
    ),
    "the largest value": Largest,
    "queries": Queries,
    "kernels that the picture chooses": Reassembled,
}


LONG: dict[str, Callable[[], nn.Module]] = {"rows": Rows}


def network(middle: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), middle, nn.Conv2d(8, 4, 1)).eval()


@pytest.mark.parametrize("name", [*MIDDLES, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
@pytest.mark.parametrize("format_name", RUNNERS)
def test_every_format_computes_it(name: str, format_name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = bare_source(network((MIDDLES | LONG)[name]()), SIZE, (24, 20), 4)
    (outcome,) = perform(make_plan(source, [(format_name, recipe("float32"))]), tmp_path)
    artifact = artifact_of(outcome)
    assert "instead of" not in artifact.provenance
    (picture,) = small.pictures(1, SIZE, seed=7)
    expected = small.torch_logits(source, picture[np.newaxis].astype(np.float32) / 255)[0]
    kind = runners()[RUNNERS[format_name]]
    with kind(artifact, kind.backends[0], 1) as runner:
        found = np.asarray(runner.predict(picture), dtype=np.float32).reshape(expected.shape)
    assert small.decibels(expected, found) > 90


@pytest.mark.parametrize("format_name", RUNNERS)
def test_what_cannot_be_unpooled_is_one_sentence_with_its_place(format_name: str, tmp_path: Path) -> None:
    source = bare_source(network(Unpooled(3, 2, 1)), SIZE, (24, 20), 4)
    (outcome,) = perform(make_plan(source, [(format_name, recipe("float32"))]), tmp_path)
    said = str(outcome.error)
    assert isinstance(outcome.error, ConversionError)
    assert (
        said.count(
            "operator 'max_unpool2d' can be converted only where its indices come from a pooling of the same windows"
        )
        == 1
    )
    assert "max_unpool2d is called in module 2.unpool" in said


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_a_fourier_transform_is_refused_with_its_place(format_name: str, tmp_path: Path) -> None:
    source = bare_source(network(Spectral()), SIZE, (24, 20), 4)
    (outcome,) = perform(make_plan(source, [(format_name, recipe("float32"))]), tmp_path)
    assert isinstance(outcome.error, ConversionError)
    assert "fft_rfftn is called in module 2" in str(outcome.error)
