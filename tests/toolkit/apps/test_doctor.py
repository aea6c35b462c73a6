"""doctor: every route and every runtime with nothing extra set up."""

from __future__ import annotations

import pytest

from tests.running.warm.starting import WARM_VARIABLE
from toolkit.apps.doctor import Tool, tools
from validation.runners.android.phone import TOOL_VARIABLE
from validation.runners.android.server import PORT_VARIABLE
from validation.runners.arm64.machine import FOLDER_VARIABLE as ARM64_FOLDER
from validation.runners.base.other_interpreter.environment import ENVS_VARIABLE
from validation.runners.web.packages import FOLDER_VARIABLE as WEB_FOLDER

SET_UP = {"arm64", "web", "tflite-runtime"}
"""Runners that live in an environment of their own, by the name that `--setup` takes."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tool]:
    with pytest.MonkeyPatch.context() as patch:
        for variable in (ENVS_VARIABLE, ARM64_FOLDER, WEB_FOLDER):
            patch.delenv(variable, raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("empty")))
        patch.delenv(TOOL_VARIABLE, raising=False)
        patch.setenv(PORT_VARIABLE, "1")
        patch.setenv(WARM_VARIABLE, "1")
        return {tool.name: tool for tool in tools()}


def test_every_route_made_a_file(found: dict[str, Tool]) -> None:
    made = {
        name: tool for name, tool in found.items() if name.startswith(("tflite-f", "tflite-int", "coreml-", "onnx-"))
    }
    assert {name.split("(")[1] for name in made} == {
        "litert-torch)",
        "onnx2tf)",
        "tensorflow)",
        "coremltools)",
        "coremltools-export)",
        "torch)",
        "copy)",
        "onnx2torch)",
    }
    assert {tool.state for tool in made.values()} == {"works"}, made


def test_what_is_not_set_up_says_what_to_type(found: dict[str, Tool]) -> None:
    for runner in SET_UP:
        mine = [tool for name, tool in found.items() if name.startswith(f"{runner} (")]
        assert mine and {tool.state for tool in mine} == {"absent"}, mine
        assert all(tool.detail.endswith(f"run: segport doctor --setup {runner}") for tool in mine), mine


def test_a_phone_needs_adb_and_a_tool(found: dict[str, Tool]) -> None:
    for backend in ("cpu", "gpu", "nnapi"):
        tool = found[f"android ({backend})"]
        assert tool.state == "absent", tool
        assert "run: adb start-server" in tool.detail
        assert "set SEGPORT_ANDROID_BENCHMARK to its path" in tool.detail


def test_the_rest_runs(found: dict[str, Tool]) -> None:
    for name in ("litert (xnnpack)", "litert (reference)", "milrun (cpu)", "onnxruntime (cpu)"):
        assert found[name].state == "works", found[name]
