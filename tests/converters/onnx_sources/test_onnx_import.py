"""ONNX sources by way of torch: to Core ML always, to TFLite where onnx2tf fails."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from converters import ConversionError, ModelSource, SourceError, content_hash, make_plan
from converters.artifact import OutputKind
from converters.conversion.perform import Outcome, perform
from converters.formats.tflite.float_file import float_graph
from converters.onnx_sources.torch_import import imported
from quantization import recipe
from tests.converters import small_network as small
from tests.converters.making import artifact_of, bare_source, convert_all
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.milrun import MilRunRunner

SIZE = small.INPUT_SIZE


class Shared(nn.Module):
    """One kernel used twice, which the exporter writes once, and a resize whose size it computes: both need folding."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1, stride=2)
        self.mix = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Conv2d(6, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(image))
        x = torch.relu(self.mix(torch.relu(self.mix(x))))
        x = nn.functional.interpolate(x, size=image.shape[2:], mode="bilinear", align_corners=False)
        return self.head(x.flatten(2).reshape(x.shape))  # type: ignore[no-any-return]


@pytest.fixture
def shared() -> ModelSource:
    torch.manual_seed(0)
    return bare_source(Shared().eval(), SIZE, SIZE, 4)


@pytest.fixture
def file(shared: ModelSource, tmp_path: Path) -> ModelSource:
    """The same network, as an ONNX file and nothing else."""
    assert shared.module is not None
    path = tmp_path / "shared.onnx"
    torch.onnx.export(shared.module, (torch.rand(1, 3, *SIZE),), str(path), opset_version=17, dynamo=False)
    return as_file(shared, path)


def as_file(source: ModelSource, path: Path) -> ModelSource:
    return replace(source, module=None, onnx_path=path, weights_sha256=content_hash(path))


def made(source: ModelSource, format_name: str, folder: Path, *names: str, route: str | None = None) -> list[Outcome]:
    routes = {format_name: route} if route else None
    return perform(make_plan(source, [(format_name, recipe(name)) for name in names], routes=routes), folder)


def test_every_recipe_of_core_ml(file: ModelSource, shared: ModelSource, tmp_path: Path) -> None:
    image = small.pictures(1, SIZE)[0]
    expected = small.torch_logits(shared, image[None].astype(np.float32) / 255)
    for outcome in convert_all(file, "coreml", OutputKind.LOGITS, None, tmp_path / "made"):
        artifact = artifact_of(outcome)
        assert artifact.provenance["route"] == "onnx2torch"
        with MilRunRunner(artifact) as runner:
            decibels = small.decibels(expected[0], runner.predict(image))
        least = {"float32": 90, "float16": 50}.get(artifact.recipe, 3)
        assert decibels > least, artifact.name


def test_tflite_where_onnx2tf_fails(
    file: ModelSource, shared: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise ValueError("no such layer")

    monkeypatch.setattr(float_graph, "onnx_to_tflite", fails)
    (outcome,) = made(file, "tflite", tmp_path / "made", "float32")
    artifact = artifact_of(outcome)
    assert artifact.provenance["route"] == "onnx2torch"
    assert artifact.provenance["instead of"].startswith("onnx2tf (")
    image = small.pictures(1, SIZE)[0]
    with LiteRtRunner(artifact, "xnnpack") as runner:
        found = runner.predict(image)
    assert small.decibels(small.torch_logits(shared, image[None].astype(np.float32) / 255)[0], found) > 90


def test_an_operator_it_does_not_know_is_named(file: ModelSource, tmp_path: Path) -> None:
    assert file.onnx_path is not None
    model = onnx.load(str(file.onnx_path))
    (output,) = model.graph.output
    node = next(node for node in model.graph.node if output.name in node.output)
    node.output[0] = "scores"
    model.graph.node.append(onnx.helper.make_node("Hardmax", ["scores"], [output.name], axis=1))
    onnx.save(model, str(tmp_path / "hardmax.onnx"))
    (outcome,) = made(as_file(file, tmp_path / "hardmax.onnx"), "coreml", tmp_path / "made", "float32")
    assert isinstance(outcome.error, ConversionError)
    assert "Hardmax" in str(outcome.error) and "give the torch network instead" in str(outcome.error)


def test_a_module_that_computes_something_else_is_not_used(file: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx2torch

    def wrong(model: Any) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 1))

    monkeypatch.setattr(onnx2torch, "convert", wrong)
    with pytest.raises(ConversionError, match="computes something else than ONNX Runtime"):
        imported(file)


def test_routes_begin_where_they_can(file: ModelSource, shared: ModelSource) -> None:
    for source, format_name, route in (
        (file, "coreml", "coremltools"),
        (shared, "coreml", "onnx2torch"),
        (shared, "tflite", "onnx2torch"),
    ):
        with pytest.raises(SourceError, match=r"does not start from|starts from"):
            make_plan(source, [(format_name, recipe("float32"))], routes={format_name: route})
    assert imported(shared) is shared


def test_what_stands_in_for_torchvision_does_not_stay() -> None:
    program = (
        "import sys; from converters.onnx_sources.torch_import import _without_detection\n"
        "with _without_detection():\n    import onnx2torch\n"
        "assert 'torchvision' not in sys.modules or sys.modules['torchvision'].__file__"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
