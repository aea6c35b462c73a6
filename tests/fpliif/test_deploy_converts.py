"""The deployed graph goes through every converter with nothing exotic in it, and comes out equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fpliif.deploy import DeployedFPLIIF, deploy
from tests.fpliif.tiny_fpliif import scrambled, tiny_config

IMAGE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def deployed() -> DeployedFPLIIF:
    return deploy(scrambled(tiny_config()), 64, 32)


@pytest.fixture(scope="module")
def expected(deployed: DeployedFPLIIF) -> Any:
    return deployed(IMAGE).numpy()


def test_litert_torch(deployed: DeployedFPLIIF, expected: Any, tmp_path: Path) -> None:
    import litert_torch
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / "model.tflite"
    litert_torch.convert(deployed, (IMAGE,)).export(str(path))
    interpreter = Interpreter(str(path))
    operators = {operator["op_name"] for operator in interpreter._get_ops_details()}
    assert "RESIZE_BILINEAR" in operators
    assert not {name for name in operators if name.startswith(("Flex", "RESIZE_NEAREST", "GATHER", "BROADCAST"))}
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], IMAGE.numpy())
    interpreter.invoke()
    answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_onnx_opset_17(deployed: DeployedFPLIIF, expected: Any, tmp_path: Path) -> None:
    import onnxruntime

    path = tmp_path / "model.onnx"
    torch.onnx.export(deployed, (IMAGE,), str(path), opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: IMAGE.numpy()})
    np.testing.assert_allclose(answer, expected, atol=1e-4)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_coremltools(norm: str) -> None:
    import coremltools as ct

    traced = torch.jit.trace(deploy(scrambled(tiny_config(norm)), 64, 32), IMAGE)
    model = ct.convert(
        traced,
        inputs=[ct.TensorType(shape=tuple(IMAGE.shape))],
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    operators = {operation.op_type for operation in model._mil_program.functions["main"].operations}
    assert operators <= {"const", "conv", "add", "relu", "upsample_bilinear", "reduce_mean", "instance_norm"}
