"""Times of single operations: adding up, the runtimes that tell them, and the reasons of those that do not."""

from __future__ import annotations

import dataclasses
import json

import onnx
import pytest

from converters import Artifact
from tests.validation.tiny_network import damaged, picture
from validation.errors import RunnerError
from validation.results.facts import OperationTime
from validation.results.operations import OperationProfile, added_up
from validation.runners import runners
from validation.runners.milrun import MilRunRunner
from validation.runners.onnxruntime import OnnxRuntimeRunner
from validation.runners.reference import TorchArtifact, TorchRunner
from validation.timing.runs import profile_operations


def test_calls_are_added_up_by_name_and_by_kind() -> None:
    once = [
        OperationTime("a", "Conv", 3_000_000),
        OperationTime("b", "Conv", 1_000_000),
        OperationTime("r", "Relu", 500_000),
    ]
    found = added_up([*once, *once, OperationTime("r", "Relu", 1_000_000)], runs=2)
    assert (found.status, found.runs) == ("measured", 2)
    assert found.total_ms == pytest.approx(5.0)
    assert [(item.kind, item.ms, item.share, item.calls) for item in found.kinds] == [
        ("Conv", pytest.approx(4.0), pytest.approx(0.8), 2.0),
        ("Relu", pytest.approx(1.0), pytest.approx(0.2), 1.5),
    ]
    assert [item.name for item in found.operations] == ["a", "b", "r"]
    assert OperationProfile.from_json(json.loads(json.dumps(dataclasses.asdict(found)))) == found
    assert added_up([], runs=2).status == "failed"
    assert "as long as" in added_up([OperationTime("a", "Conv", 0)], runs=2).reason


def test_onnx_runtime_s_operations_are_those_of_the_file(artifacts: dict[str, Artifact]) -> None:
    artifact = artifacts["onnx-float32"]
    found = profile_operations(OnnxRuntimeRunner(artifact), picture(0), runs=4)
    assert (found.status, found.runs) == ("measured", 4)
    convolutions = [node for node in onnx.load(artifact.path).graph.node if node.op_type == "Conv"]
    (conv,) = [item for item in found.kinds if "Conv" in item.kind]
    assert conv.calls == len(convolutions) == 2
    assert sum(item.share for item in found.kinds) == pytest.approx(1.0)
    assert found.total_ms == pytest.approx(sum(item.ms for item in found.kinds))
    assert list(found.operations) == sorted(found.operations, key=lambda item: -item.ms)


def test_torch_s_operators_are_those_of_the_network(float_artifact: TorchArtifact) -> None:
    found = profile_operations(TorchRunner(float_artifact), picture(0), runs=3)
    assert found.status == "measured"
    assert sum(item.share for item in found.kinds) == pytest.approx(1.0)
    assert {item.calls for item in found.kinds if "conv" in item.kind} == {2}


def test_runtimes_without_a_profiler_say_so(artifacts: dict[str, Artifact]) -> None:
    milrun = profile_operations(MilRunRunner(artifacts["coreml-float32"]), picture(0))
    assert (milrun.status, milrun.operations) == ("not_run", ())
    assert "not a phone's" in milrun.reason
    with MilRunRunner(artifacts["coreml-float32"]) as runner, pytest.raises(RunnerError, match="not a phone's"):
        list(runner.operation_times(picture(0), 1))
    for kind in runners().values():
        for backend in kind.backends:
            assert isinstance(kind.operations_reason(backend), str)


def test_a_damaged_file_is_a_result(artifacts: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> None:
    broken = damaged(artifacts["onnx-float32"], tmp_path_factory.mktemp("broken"))
    found = profile_operations(OnnxRuntimeRunner(broken), picture(0))
    assert found.status == "failed"
    assert "onnx-float32" in found.reason
