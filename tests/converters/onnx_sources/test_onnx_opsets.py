"""Graphs of newer opsets in older words: the same answers, and Core ML files of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from converters import content_hash, make_plan
from converters.conversion.perform import perform
from converters.onnx_sources.checked import simplified
from converters.onnx_sources.opsets import lowered
from quantization import recipe
from tests.converters.making import artifact_of, bare_source
from validation.runners.milrun import MilRunRunner

SIZE = (32, 48)


class Modern(nn.Module):
    """What torch's exporter writes in words that opset 17 lacks: means, GELU, a resize."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.Conv2d(8, 5, 1)
        self.act = nn.GELU(approximate)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.act(self.stem(image))
        x = x.flatten(2).transpose(1, 2).transpose(1, 2).unflatten(2, (SIZE[0] // 2, SIZE[1] // 2))
        x = x * torch.sigmoid(x.mean((2, 3), keepdim=True)) + x.amax((2, 3), keepdim=True)
        return F.interpolate(self.head(x), size=image.shape[2:], mode="bilinear", align_corners=False)


def exported(network: nn.Module, path: Path) -> Any:
    torch.onnx.export(
        network.eval(), (torch.rand(1, 3, *SIZE),), str(path), dynamo=True, opset_version=20, verbose=False
    )
    return onnx.load(str(path))


def answer(model: Any, picture: Any) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: picture})[0]


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_the_same_answers(approximate: str, tmp_path: Path) -> None:
    model = exported(Modern(approximate), tmp_path / "net.onnx")
    kinds = {node.op_type for node in model.graph.node}
    assert model.opset_import[0].version == 20 and {"Gelu", "ReduceMean", "Resize"} <= kinds
    old = lowered(simplified(model), 17)
    assert not [item for node in old.graph.node for item in node.attribute if item.name == "allowzero"]
    assert old.opset_import[0].version == 17 and "Gelu" not in {node.op_type for node in old.graph.node}
    picture = np.random.default_rng(0).random((1, 3, *SIZE), dtype=np.float32)
    np.testing.assert_allclose(answer(old, picture), answer(model, picture), rtol=1e-5, atol=1e-5)


def test_what_has_no_older_word_stays(tmp_path: Path) -> None:
    model = exported(Modern(), tmp_path / "net.onnx")
    helper = onnx.helper
    (output,) = model.graph.output
    node = next(node for node in model.graph.node if output.name in node.output)
    node.output[0] = "scores"
    model.graph.node.append(
        helper.make_node("GroupNormalization", ["scores", "one", "zero"], [output.name], num_groups=1)
    )
    for name, value in (("one", 1.0), ("zero", 0.0)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(1, value, dtype=np.float32), name))
    assert lowered(model, 17) is model


def test_core_ml_of_a_new_opset(tmp_path: Path) -> None:
    exported(Modern(), tmp_path / "net.onnx")
    model = onnx.load(str(tmp_path / "net.onnx"))
    onnx.save(model, str(tmp_path / "whole.onnx"))
    from dataclasses import replace

    torch_source = bare_source(Modern().eval(), SIZE, SIZE, 5)
    path = tmp_path / "whole.onnx"
    source = replace(torch_source, module=None, onnx_path=path, weights_sha256=content_hash(path))
    (outcome,) = perform(make_plan(source, [("coreml", recipe("float32"))]), tmp_path / "made")
    artifact = artifact_of(outcome)
    picture = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    with MilRunRunner(artifact) as runner, torch.inference_mode():
        found = runner.predict(picture)
        wanted = (
            Modern().eval()(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0].permute(1, 2, 0).numpy()
        )
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
