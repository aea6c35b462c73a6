"""Times of a .tflite file's operations: read through the C API, named as in the file, refused where its layout is not
known."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from converters import Artifact
from tests.validation.tiny_network import damaged, picture
from validation.runners.litert import c_api as litert_native
from validation.runners.litert.c_api import SEEN, Event, NativeError, NativeModel, unusable
from validation.runners.litert.profiler import Node, operation_times, short_name
from validation.runners.litert.runner import LiteRtRunner
from validation.timing.runs import profile_operations

known = pytest.mark.skipif(version("ai-edge-litert") != SEEN, reason=f"the C API's layout is known for {SEEN} only")


LAST = "serving_default_logits_output"
"""What the last convolution writes has the name of the file's output."""


@known
@pytest.mark.parametrize("name", ["tflite-float32", "tflite-int8_static"])
def test_xnnpack_s_kernels_have_the_names_of_the_file(artifacts: dict[str, Artifact], name: str) -> None:
    with LiteRtRunner(artifacts[name], "xnnpack") as runner:
        recorded = list(runner.operation_times(picture(0), 3))
    convolutions = [item for item in recorded if item.kind.startswith("Convolution")]
    assert [item.name.split("#")[0] for item in convolutions] == ["first", LAST] * 3
    assert {item.delegated for item in recorded} == {True}


@known
def test_kernels_without_a_delegate_are_the_operations_of_the_file(artifacts: dict[str, Artifact]) -> None:
    with LiteRtRunner(artifacts["tflite-float32"], "builtin") as runner:
        recorded = list(runner.operation_times(picture(0), 2))
    assert {item.delegated for item in recorded} == {False}
    assert [item.name.split("#")[0] for item in recorded if item.kind == "CONV_2D"] == ["first", LAST] * 2


@known
def test_the_time_of_the_operations_is_that_of_the_inference(artifacts: dict[str, Artifact]) -> None:
    """A wrong layout would give numbers too: they must add up to less than the inference, and to most of it."""
    runner = LiteRtRunner(artifacts["tflite-float32"], "builtin")
    with runner:
        call = runner.timed_call(picture(0))
        whole = min(call() for _ in range(50)) / 1e6
    found = profile_operations(runner, picture(0), runs=50)
    assert found.total_ms is not None
    assert 0.2 * whole < found.total_ms < 20 * whole


def test_another_version_is_a_reason(artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_native, "version", lambda package: "2.4.0")
    assert "2.4.0 is installed" in unusable()
    found = profile_operations(LiteRtRunner(artifacts["tflite-float32"]), picture(0))
    assert (found.status, found.reason, found.operations) == ("not_run", unusable(), ())


@known
def test_a_damaged_file_and_a_wrong_picture_are_errors(artifacts: dict[str, Artifact], tmp_path: Path) -> None:
    broken = damaged(artifacts["tflite-float32"], tmp_path)
    with pytest.raises(NativeError, match="LiteRtCreateModelFromFile"), NativeModel(broken.path, None, ONE):
        pass
    whole = artifacts["tflite-float32"].path
    with pytest.raises(NativeError, match="no signature 'other'"), NativeModel(whole, "other", ONE):
        pass
    with NativeModel(whole, None, ONE) as model:
        (name,) = model.inputs
        with pytest.raises(NativeError, match="takes 4608 bytes, not 12"):
            model.feed(name, np.zeros(3, np.float32))
        with pytest.raises(NativeError, match="no tensor 'other'"):
            model.feed("other", np.zeros(3, np.float32))


ONE = "num_threads = 1"
NODES = [Node("CONV_2D", "a#0"), Node("RESIZE_NEAREST_NEIGHBOR", "b#1"), Node("CONV_2D", "c#2"), Node("ADD", "d#3")]


def named(*events: Event, parts: tuple[tuple[int, ...], ...]) -> list[str]:
    return [item.name for item in operation_times(events, NODES, parts)]


def test_kernels_are_matched_part_by_part_and_only_where_there_are_equally_many() -> None:
    first, second = (
        Event("Convolution (NHWC, F32) IGEMM", True, 0, 5),
        Event("Fully Connected (NC, F32) GEMM", True, 1, 5),
    )
    between, add = Event("RESIZE_NEAREST_NEIGHBOR", False, 1, 5), Event("Add (ND)", True, 0, 5)
    clamp = Event("Clamp (NC)", True, 1, 5)
    found = named(first, second, between, add, clamp, parts=((0, 2), (3,)))
    assert found == ["a#0", "c#2", "b#1", "d#3", "Clamp (NC) #1.1"]
    third = dataclasses.replace(first, place=2)
    many = named(first, second, third, between, add, parts=((0, 2), (3,)))
    assert many == [f"{item.name} #0.{item.place}" for item in (first, second, third)] + ["b#1", "d#3"]
    assert named(first, between, parts=((0, 1),)) == [f"{first.name} #0.0", "b#1"], "parts of another delegate"


def test_short_names_are_paths_of_attributes() -> None:
    conv = "torch.nn.modules.conv.Conv2d"
    assert short_name(f"pkg.Net/torch.nn.modules.container.Sequential_encoder/{conv}_0;2") == "encoder.0"
    assert short_name(f"pkg.Net_network/pkg.Block_1;;pkg.Net_network/pkg.Block_1/{conv}_conv1;1") == "network.1.conv1"
    assert short_name(f"converters.torch_sources.heads.ChannelsLast/pkg.Net_network/{conv}_first;1") == "first"
    assert short_name("StatefulPartitionedCall:0") == "StatefulPartitionedCall:0"
    assert short_name("") == ""
