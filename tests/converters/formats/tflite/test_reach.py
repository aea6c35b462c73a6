"""Ranges too narrow beside their neighbours': files with dead branches run in XNNPACK, others keep their ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn
from torch.nn import functional

from converters import ModelSource
from converters.formats.tflite.float_file.float_graph import float_graph
from converters.formats.tflite.quantizing.quantize import quantize
from converters.formats.tflite.quantizing.reach import within_reach
from quantization.calibration import CalibrationSet
from tests.converters import small_network as small
from tests.converters.making import Made, bare_source, job_of

SIZE = (24, 24)


class Joined(nn.Module):
    """A branch that is zero on every picture, joined with one that is not."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.dead, self.alive, self.behind = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1), nn.Conv2d(16, 8, 1)
        nn.init.constant_(self.dead.bias, -100.0)  # type: ignore[arg-type]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        dead, alive = torch.relu(self.dead(image)), torch.relu(self.alive(image))
        if self.how == "added":
            return alive + dead
        if self.how == "behind a convolution":
            return image + self.alive(dead)
        pooled = functional.adaptive_avg_pool2d(dead, 3) if self.how == "a pyramid" else dead
        resized = functional.interpolate(pooled, size=image.shape[2:], mode="bilinear", align_corners=True)
        joined: torch.Tensor = self.behind(torch.cat([alive, resized], 1))
        return joined


@pytest.mark.parametrize("how", ["added", "behind a convolution", "a pyramid", "beside"])
def test_dead_branches_run_as_integers(how: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Joined(how), nn.Conv2d(8, 4, 1)).eval()
    source = bare_source(network, SIZE, SIZE, 4)
    pictures = CalibrationSet(small.pictures(3, SIZE), ("a", "b", "c"), "tests")
    job = job_of(source, tmp_path, "int8_static", pictures)
    quantize(float_graph(job).path, job)
    image = small.pictures(1, SIZE, seed=3).astype(np.float32) / 255
    found = Interpreter(model_path=str(job.destination)).get_signature_runner()(image=image)["logits"]
    assert small.decibels(small.torch_logits(source, image), found) > 25


def test_ranges_within_reach_stay(made: Made, source: ModelSource) -> None:
    path = made("tflite")["float32"].path
    interpreter = Interpreter(model_path=str(path))
    ranges = {
        str(item["name"]): (-1.0, 1.5) for item in interpreter.get_tensor_details() if item["dtype"] is np.float32
    }
    assert within_reach(path, ranges) == ranges
