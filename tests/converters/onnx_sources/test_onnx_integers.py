"""ONNX files with a residual network's stem and gated branches: integer TFLite files answer nearly as the network does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from converters import OutputKind, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from quantization.calibration import CalibrationSet
from tests.converters import small_network as small
from tests.converters.making import artifact_of
from toolkit.models import load_source
from toolkit.options import RunOptions
from validation.runners.litert.runner import LiteRtRunner

SIZE = (32, 24)
Tensor = torch.Tensor


class Gated(nn.Module):
    """A stem whose pooling pads, a branch gated by the mean of another, and three answers, as in face parsing."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.gate, self.heads = nn.Conv2d(8, 8, 1), nn.ModuleList(nn.Conv2d(8, 4, 1) for _ in range(3))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        near = functional.max_pool2d(torch.relu(self.stem(image)), 3, 2, 1)
        deep = torch.relu(self.deep(near))
        gated = deep * torch.sigmoid(self.gate(deep.mean((2, 3), keepdim=True))) + deep
        joined = near + functional.interpolate(gated, size=near.shape[2:], mode="nearest")
        return tuple(
            functional.interpolate(head(part), size=image.shape[2:], mode="bilinear", align_corners=True)
            for head, part in zip(self.heads, (joined, near, gated), strict=True)
        )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("opset", [11, 17])
def test_padded_poolings_become_integers(opset: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, path = Gated().eval(), tmp_path / "gated.onnx"
    names = ["a", "b", "c"]
    torch.onnx.export(
        network, (torch.rand(1, 3, *SIZE),), str(path), dynamo=False, opset_version=opset, output_names=names
    )
    source = load_source(RunOptions(model=str(path), answer="a", out=tmp_path / "run", isolate=False))
    pictures = CalibrationSet(small.pictures(3, SIZE), ("a", "b", "c"), "tests")
    wanted = [("tflite", recipe(name)) for name in ("int8_static", "int16x8")]
    plan = make_plan(source, wanted, output=OutputKind.LOGITS, calibration=pictures.digest())
    (image,) = small.pictures(1, SIZE, seed=3)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0][0].permute(1, 2, 0).numpy()
    for outcome in perform(plan, tmp_path / "made", pictures):
        artifact = artifact_of(outcome)
        assert "instead of" not in artifact.provenance
        with LiteRtRunner(artifact) as runner:
            found = np.asarray(runner.predict(image), dtype=np.float32)
        assert small.decibels(expected, found) > 25, artifact.name
