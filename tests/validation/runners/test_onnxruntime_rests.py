"""ONNX Runtime's threads stop when an answer is given: cores they spin on are missing in whatever is sampled next."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from converters import Artifact
from validation.runners.onnxruntime import OnnxRuntimeRunner

onnx = pytest.importorskip("onnx")
SHAPE = (1, 3, 64, 64)


@pytest.fixture(scope="module")
def two_convolutions() -> bytes:
    """Enough work for two threads, which the tests' tiny network is not."""
    random = np.random.default_rng(0)
    weights = {"a": (64, 3, 3, 3), "b": (64, 64, 3, 3)}
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Conv", ["x", "a"], ["h"], pads=[1] * 4),
            onnx.helper.make_node("Conv", ["h", "b"], ["y"], pads=[1] * 4),
        ],
        "convolutions",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, SHAPE)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 64, 64, 64))],
        [
            onnx.numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)
            for name, shape in weights.items()
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    whole: bytes = model.SerializeToString()
    return whole


def seconds_spent_resting(options: Any, model: bytes) -> float:
    """Processor seconds in 0.2 s without work, after three answers."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    for _ in range(3):
        session.run(None, {"x": np.zeros(SHAPE, np.float32)})
    before = time.process_time()
    time.sleep(0.2)
    return time.process_time() - before


def test_nothing_spins_between_answers(artifacts: dict[str, Artifact], two_convolutions: bytes) -> None:
    options = OnnxRuntimeRunner(artifacts["onnx-float32"], "cpu", threads=2)._session_options()
    assert options.intra_op_num_threads == 2
    assert seconds_spent_resting(options, two_convolutions) < 0.005


def test_it_would_by_itself(two_convolutions: bytes) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    assert seconds_spent_resting(options, two_convolutions) > 0.005
