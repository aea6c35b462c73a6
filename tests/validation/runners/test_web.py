"""LiteRT.js: what needs no Node is tested always, what runs in Node and Chromium where it has been set up."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from converters import Artifact, Quantization
from tests.validation.tiny_network import MemoryDataset, picture
from validation.errors import RunnerError
from validation.measure import Measurements, measure_run
from validation.results.run import Status
from validation.runners.litert.runner import LiteRtRunner
from validation.runners.web import packages
from validation.runners.web.runner import WebRunner


def _with_int8(artifact: Artifact) -> Artifact:
    image = dataclasses.replace(artifact.image, dtype="int8", quantization=Quantization(1 / 255, -128))
    return dataclasses.replace(artifact, image=image)


def test_every_package_is_pinned_by_its_hash_and_no_address() -> None:
    pinned = json.loads(packages.LOCK.read_text(encoding="utf-8"))["packages"]
    fetched = {name: item for name, item in pinned.items() if name}
    assert "node_modules/@litertjs/core" in fetched
    assert all(item["integrity"].startswith("sha512-") and "resolved" not in item for item in fetched.values())
    asked = json.loads((packages.SCRIPTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert asked == {name: fetched[f"node_modules/{name}"]["version"] for name in asked}


def test_says_what_to_type_before_it_is_set_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(packages, "_node_version", lambda program: packages.LEAST_NODE)
    monkeypatch.setattr(packages, "node", lambda: Path("node"))
    for backend in WebRunner.backends:
        assert WebRunner.availability(backend).reason.endswith("run: segport doctor --setup web")
    assert not WebRunner.in_default_set()


def test_without_node_nothing_is_promised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path / "web"))
    assert "Node 20 or newer is not installed" in WebRunner.availability("node").reason
    with pytest.raises(RunnerError, match="web needs Node 20"):
        packages.ensure()
    assert list(tmp_path.iterdir()) == []


def test_npm_that_fails_leaves_nothing_half_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (
        ("node", "echo v22.0.0"),
        ("npm", "mkdir node_modules; echo integrity checksum failed >&2; exit 1"),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv(packages.FOLDER_VARIABLE, str(tmp_path / "web"))
    with pytest.raises(RunnerError, match=r"could not fetch LiteRT\.js: integrity checksum failed"):
        packages.ensure()
    assert not packages.is_set_up()
    assert [path.name for path in (tmp_path / "web").iterdir() if path.is_dir()] == []


def test_files_with_int8_pictures_are_not_run_and_the_option_is_named(
    artifacts: dict[str, Artifact], dataset: MemoryDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "missing", lambda: "")
    artifact = _with_int8(artifacts["tflite-int8_static"])
    result = measure_run(WebRunner, artifact, Measurements(dataset), backend="node")
    assert result.status is Status.NOT_RUN
    assert "takes int8, which LiteRT.js does not exchange; convert it with --io-dtype float32" in result.reason


@pytest.mark.web
@pytest.mark.parametrize("backend", ["node", "chromium"])
@pytest.mark.parametrize("name", ["tflite-float32", "tflite-int8_static"])
def test_answers_are_compared_with_litert(
    name: str, backend: str, artifacts: dict[str, Artifact], web_packages: Path
) -> None:
    if not (state := WebRunner.availability(backend)).ok:
        pytest.skip(state.reason)
    artifact = artifacts[name]
    with WebRunner(artifact, backend) as runner, LiteRtRunner(artifact) as litert:
        answers = [(runner.predict(picture(seed)), litert.predict(picture(seed))) for seed in range(3)]
        agreement = runner.native_agreement()
    assert agreement is not None and agreement["images"] == 3
    apart = max(float(np.abs(mine - theirs).max()) for mine, theirs in answers)
    assert agreement["largest_difference"] == pytest.approx(apart)
    assert agreement["bit_equal"] == sum(np.array_equal(mine, theirs) for mine, theirs in answers)
    assert apart == 0.0 if "int8" in name else apart < 1e-5


@pytest.mark.web
def test_latency_is_taken_in_the_page(
    artifacts: dict[str, Artifact], dataset: MemoryDataset, web_packages: Path
) -> None:
    if not (state := WebRunner.availability("chromium")).ok:
        pytest.skip(state.reason)
    with WebRunner(artifacts["tflite-float32"], "chromium") as runner:
        assert len(runner.process_ids()) > 1  # the browser is ours too
        runner.timed_call(picture(0))
        spent = runner.timed_block(20)
    assert len(spent) == 20
    assert all(0 < nanoseconds < 10**9 for nanoseconds in spent)
    assert WebRunner.latency_reason("chromium") == ""
    assert "no browser" in WebRunner.latency_reason("node")
