"""`--input-size` is advised where another size is answered, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from converters import SourceError
from toolkit.models import load_source
from toolkit.models.trial.trying import answered
from toolkit.options import RunOptions


class Network(nn.Module):
    """Two convolutions with something of the test's between them."""

    def __init__(self, between: Callable[[Tensor], Tensor], channels: int = 3) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(channels, 4, 3, 2, 1), nn.Conv2d(4, 2, 1)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, h, w) -> (1, 2, h / 2, w / 2)"""
        logits: Tensor = self.last(self.between(self.first(x)))
        return logits


class Positions(nn.Module):
    """Adds positions learnt for one size, as vision transformers do."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 2, 1)
        self.positions = nn.Parameter(torch.zeros(1, 4, side // 2, side // 2))

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, side, side) -> (1, 2, side / 2, side / 2)"""
        logits: Tensor = self.last(self.first(x) + self.positions)
        return logits


def halves(x: Tensor) -> Tensor:
    down = nn.functional.max_pool2d(nn.functional.max_pool2d(x, 2), 2)
    return x + nn.functional.interpolate(down, scale_factor=4)


def without_a_name(x: Tensor) -> Tensor:
    raise AttributeError(f"{type(x).__name__} has no method of that name")


def added_wrongly(x: Tensor) -> Tensor:
    return x + torch.zeros(5, 1, 1)


def refused(network: nn.Module, size: tuple[int, int], channels: int = 3) -> str:
    with pytest.raises(SourceError) as caught:
        answered(network.eval(), torch.full((1, channels, *size), 0.5), "nets:build")
    return str(caught.value)


@pytest.mark.parametrize(
    ("network", "size", "advised"),
    [
        (Positions(224), (64, 64), "224x224"),
        (Positions(256), (224, 224), "256x256"),
        (Positions(96), (98, 98), "96x96"),
        (Network(halves), (60, 68), "64x64"),
        (Network(lambda x: x.reshape(1, 4, 256, 256)), (256, 256), "512x512"),
    ],
)
def test_a_size_that_is_answered_is_advised(network: nn.Module, size: tuple[int, int], advised: str) -> None:
    said = refused(network, size)
    assert said.endswith(f"give --input-size {advised}")
    assert "--channel-order" not in said


@pytest.mark.parametrize("between", [without_a_name, added_wrongly, lambda x: x[:, 7:]])
def test_the_size_is_not_blamed_for_other_faults(between: Callable[[Tensor], Tensor]) -> None:
    said = refused(Network(between), (64, 64))
    assert "--input-size" not in said
    assert "mend the network there" in said


def test_channels_are_blamed_for_channels() -> None:
    said = refused(Network(nn.Identity(), channels=1), (64, 64))
    assert "--channel-order, --channels" in said
    assert "--input-size" not in said


def file(path: Path, size: tuple[int, int], network: nn.Module, **options: Any) -> Path:
    torch.onnx.export(
        network.eval(),
        (torch.zeros(1, 3, *size),),
        path,
        dynamo=False,
        input_names=["picture"],
        output_names=["logits"],
        dynamic_axes={"picture": {2: "h", 3: "w"}},
        **options,
    )
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_open_onnx_files_that_answer_to_one_size(tmp_path: Path) -> None:
    path = file(tmp_path / "net.onnx", (224, 224), Positions(224))
    with pytest.raises(SourceError, match=r"it answers to 224 x 224: give --input-size 224x224"):
        load_source(RunOptions(model=str(path), input_size=(64, 64)))
    found = load_source(RunOptions(model=str(path), input_size=(224, 224)))
    assert found.input_size == (224, 224)
    assert np.isfinite(found.parameters)


def test_scripts_that_answer_to_one_size(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.jit.script(Positions(256).eval()).save(str(path))
    with pytest.raises(SourceError, match="256 x 256: give --input-size 256x256"):
        load_source(RunOptions(model=str(path), input_size=(64, 64)))
