"""Converters and runtimes that crash, hang or eat memory: their artifact has failed, with the reason; the rest is
measured."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reliability.starting import small_run, started

WORDS = {
    "segfault": "crashed with SIGSEGV",
    "abort": "crashed with SIGABRT",
    "hang": "took longer than the 6 s that --time-limit allows",
    "eater": "more than the 1.5 GB that --memory-limit allows",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of one run in which everything goes wrong that can."""
    folder = tmp_path_factory.mktemp("hostile")
    recipes = ["make_fine", *(f"{stage}_{how}" for stage in ("make", "run") for how in WORDS), "float32"]
    arguments = small_run(
        folder,
        "--formats",
        "hostile,onnx",
        "--recipes",
        ",".join(recipes),
        "--time-limit",
        "6",
        "--memory-limit",
        "1.5",
        "--latency-samples",
        "0",
        "--no-checks",
        "--out",
        str(folder / "out"),
    )
    process = started(folder, arguments)
    printed, errors = process.communicate(timeout=240)
    assert process.returncode == 4, errors + printed
    assert "Traceback" not in errors + printed
    assert not list((folder / "out").rglob(".segport-*"))
    document: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text())
    return {artifact["name"]: artifact for artifact in document["artifacts"]}


@pytest.mark.parametrize("how", list(WORDS))
def test_a_converter_that_is_lost_fails_its_artifact_alone(how: str, report: dict[str, Any]) -> None:
    artifact = report[f"hostile-make_{how}"]
    (reason,) = artifact["verdict"]["reasons"]
    assert artifact["path"] is None and artifact["verdict"]["status"] == "fail"
    assert WORDS[how] in reason
    assert f"its last lines were: about to {how}" in reason
    assert reason.endswith(f"hostile-make_{how}.log")


@pytest.mark.parametrize("how", list(WORDS))
def test_a_runtime_that_is_lost_fails_its_artifact_alone(how: str, report: dict[str, Any]) -> None:
    artifact = report[f"hostile-run_{how}"]
    (run,) = artifact["runs"]
    assert run["status"] == "failed" and artifact["verdict"]["status"] == "fail"
    assert WORDS[how] in run["reason"]
    assert f"its last lines were: about to {how}" in run["reason"]


def test_the_rest_is_measured(report: dict[str, Any]) -> None:
    for name in ("hostile-make_fine", "onnx-float32"):
        assert report[name]["runs"][0]["status"] == "measured", report[name]


def test_a_runtime_that_crashes_while_it_is_timed_takes_nobody_with_it(tmp_path: Path) -> None:
    arguments = small_run(
        tmp_path,
        "--formats",
        "hostile,onnx",
        "--recipes",
        "run_segfault,float32",
        "--latency-samples",
        "3",
        "--no-checks",
        "--out",
        str(tmp_path / "out"),
    )
    process = started(tmp_path, arguments)
    printed, errors = process.communicate(timeout=240)
    assert process.returncode == 4, errors + printed
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    runs = {artifact["name"]: artifact["runs"][0] for artifact in document["artifacts"]}
    assert runs["hostile-run_segfault"]["latency_status"] == "failed"
    assert "crashed with SIGSEGV" in runs["hostile-run_segfault"]["latency_reason"]
    assert runs["onnx-float32"]["latency_ms"]["samples"] == 3


def test_the_time_limit_is_of_one_answer_not_of_the_whole() -> None:
    from toolkit.isolation.limits import Limits
    from toolkit.isolation.process import GuardedProcess, LostError

    process = GuardedProcess("a test's process", Limits(1.5, 10**10))
    for _ in range(2):
        process.call(time.sleep, 1.0)
    with pytest.raises(LostError, match=r"a test's process was lost: it took longer than the 1.5 s"):
        process.call(time.sleep, 60.0)
    assert not process.alive


def test_little_memory_is_said_in_megabytes() -> None:
    from toolkit.isolation.limits import Limits, held_in_words
    from toolkit.isolation.process import GuardedProcess, LostError

    assert [held_in_words(count) for count in (1_500_000_000, 20_000_000, 1_500_000)] == ["1.5 GB", "20 MB", "1.5 MB"]
    process = GuardedProcess("a test's process", Limits(60.0, 2_000_000))
    with pytest.raises(LostError, match=r"it held \d+(\.\d+)? MB, more than the 2 MB that --memory-limit allows"):
        process.call(time.sleep, 30.0)


def test_nothing_a_runner_can_tell_is_lost_on_the_way() -> None:
    from toolkit.isolation.runtimes import IsolatedRunner
    from validation.runners.base.contract import Runner

    # These are made of the others, or of what the runner in between keeps itself.
    here = {"predict", "timed_call", "timed_block", "operation_times", "is_open", "preload", "held_elsewhere"}
    hooks = {name for name in vars(Runner) if not name.startswith("_") and callable(getattr(Runner, name))} - here
    assert {"undelegated", "emulates", "images_limit"} <= hooks
    assert sorted(name for name in hooks if name not in vars(IsolatedRunner)) == []


def test_what_lies_behind_a_runtime_is_told_from_its_process(tmp_path: Path) -> None:
    from tests.reliability.talkative import DELEGATION, MACHINE, TalkativeRunner, artifact
    from toolkit.isolation.limits import Limits
    from toolkit.isolation.runtimes import isolated, processes_released
    from validation.runners.base.latency_settings import LatencySettings

    picture = np.zeros((4, 4, 3), np.uint8)
    with processes_released():
        runner = isolated(TalkativeRunner, Limits(60.0, 10**10))(artifact(tmp_path / "none"))
        assert runner.benchmarks_itself and runner.machine() == MACHINE and runner.delegation() is None
        with runner:
            assert runner.benchmark(picture, LatencySettings(samples=7)).latency.samples == 7
            assert runner.delegation() == DELEGATION
        assert runner.delegation() == DELEGATION, "asked for after the answers were judged"


@pytest.mark.usefixtures("cold_processes")
def test_a_network_that_lives_in_its_process_is_made_again_in_the_other() -> None:
    import torch

    from tests.reliability.collecting import answered
    from toolkit.isolation.limits import Limits
    from toolkit.isolation.process import GuardedProcess
    from toolkit.isolation.sending import NotSendableError, remember_maker
    from toolkit.models.factory import called

    name = "tests.reliability.collecting:Collecting"
    network = called(name)
    process = GuardedProcess("a test's process", Limits(60.0, 10**10))
    with pytest.raises(NotSendableError, match="ContextVar"):
        process.call(answered, network, [1.0, 2.0])
    remember_maker(network, called, name)
    with torch.no_grad():
        network.get_parameter("weight").fill_(3.0)
        network.get_buffer("offset").fill_(0.5)
    assert process.call(answered, network, [1.0, 2.0]) == [3.5, 6.5]
    process.stop()


def test_a_factory_that_makes_something_else_each_time_is_named() -> None:
    from tests.reliability.collecting import another
    from toolkit.isolation.sending import packed, remember_maker
    from toolkit.models.factory import called

    name = "tests.reliability.collecting:another"
    another()
    network = called(name)
    remember_maker(network, called, name)
    with pytest.raises(ValueError, match="another makes another network when it is called again"):
        pickle.loads(packed(network))


@pytest.mark.parametrize("ending", ["pt2", "ts"])
def test_a_program_in_a_file_is_read_again_in_the_other(ending: str, tmp_path: Path) -> None:
    import torch

    from converters import SourceError
    from tests.reliability.collecting import shown
    from tests.toolkit.models.awkward_networks import plain
    from toolkit.isolation.limits import Limits
    from toolkit.isolation.process import GuardedProcess
    from toolkit.models import load_source
    from toolkit.options import RunOptions

    path, picture = tmp_path / f"net.{ending}", torch.rand((1, 3, 32, 32))
    if ending == "pt2":
        torch.export.save(torch.export.export(plain().eval(), (picture,)), path)
    else:
        torch.jit.trace(plain().eval(), picture).save(str(path))
    source = load_source(RunOptions(model=str(path), input_size=(32, 32), upsample="bilinear"))
    process = GuardedProcess("a test's process", Limits(60.0, 10**10))
    assert source.module is not None
    torch.testing.assert_close(process.call(shown, source, picture), source.module(picture))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(SourceError, match=rf"net.{ending} has changed since it was read"):
        process.call(shown, source, picture)
    assert process.alive
    process.stop()


def test_the_time_limit_holds_for_a_program_in_a_file(tmp_path: Path) -> None:
    import torch

    from tests.toolkit.models.awkward_networks import plain
    from toolkit.cli import run_command

    path, out = tmp_path / "net.pt2", tmp_path / "out"
    torch.export.save(torch.export.export(plain().eval(), (torch.rand((1, 3, 32, 32)),)), path)
    given = ["convert", "-m", str(path), "-f", "onnx", "-r", "float32", "-o", str(out)]
    assert run_command([*given, "--time-limit", "0.05"]) == 4
    assert "took longer than the 0.05 s" in (out / "manifest.json").read_text()
