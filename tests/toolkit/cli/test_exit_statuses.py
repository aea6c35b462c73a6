"""Exit statuses, which other programs rely on: what was picked, what is absent, and what ends the program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.reliability.starting import small_run
from tests.toolkit.report.sample import sample
from toolkit.cli import run_command
from toolkit.document.outcome import status_of
from toolkit.document.schema import check
from toolkit.errors import ExitStatus
from validation.runners.base.other_interpreter.environment import ENVS_VARIABLE


def leaving() -> NoReturn:
    """A factory that ends the program."""
    raise SystemExit(3)


def run(place: Path, runners: str, formats: str) -> int:
    return run_command(
        small_run(
            place,
            "--formats",
            formats,
            "--recipes",
            "float32",
            "--runners",
            runners,
            "--images",
            "2",
            "--latency-samples",
            "0",
            "--no-checks",
            "--threads",
            "1",
            "--examples",
            "0",
            "--out",
            str(place / "out"),
        )
    )


def report(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "out" / "report.json").read_text())
    return found


def test_what_no_picked_runtime_takes_fails_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "onnxruntime", "onnx,coreml") == ExitStatus.PASS
    verdicts = {item["name"]: item["verdict"]["status"] for item in report(tmp_path)["artifacts"]}
    assert verdicts == {"onnx-float32": "pass", "coreml-float32": "not_run"}
    assert run_command(["report", str(tmp_path / "out")]) == ExitStatus.PASS
    assert run(tmp_path, "onnxruntime", "coreml") == ExitStatus.GATE_FAILED  # nothing was judged


def test_a_picked_runtime_that_is_absent_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVS_VARIABLE, str(tmp_path / "no environments"))
    assert run(tmp_path, "onnxruntime,tflite-runtime", "onnx") == ExitStatus.NOT_INSTALLED
    (artifact,) = report(tmp_path)["artifacts"]
    assert artifact["verdict"]["status"] == "pass"
    (absent,) = report(tmp_path)["runners_absent"]
    assert absent.startswith("tflite-runtime")


def passing() -> dict[str, Any]:
    document = sample()
    for artifact in document["artifacts"]:
        artifact["verdict"]["status"] = "pass"
    return document


def test_statuses_of_reports() -> None:
    assert status_of(check(passing())) is ExitStatus.PASS
    unjudged = passing()
    unjudged["artifacts"][0] |= {"runs": [], "verdict": {"status": "not_run", "reasons": []}}
    assert status_of(check(unjudged)) is ExitStatus.GATE_FAILED
    assert status_of(check(unjudged | {"runners_named": ["litert"]})) is ExitStatus.PASS
    assert status_of(check(passing() | {"runners_absent": ["coreml (all)"]})) is ExitStatus.NOT_INSTALLED
    run = passing()["artifacts"][0]["runs"][0]
    measured_elsewhere = f"{run['runner']} ({run['backend']})"
    assert status_of(check(passing() | {"runners_absent": [measured_elsewhere]})) is ExitStatus.PASS
    assert status_of(check(sample() | {"runners_absent": ["coreml (all)"]})) is ExitStatus.GATE_FAILED


def test_debug_keeps_the_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["validate", str(tmp_path), "--debug"]) == ExitStatus.BAD_INPUT
    said = capsys.readouterr().err
    assert "Traceback" in said and said.splitlines()[-1].startswith("segport: ")


def test_a_factory_that_ends_the_program_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = "tests.toolkit.cli.test_exit_statuses:leaving"
    assert run_command(["convert", "--model", named, "--out", str(tmp_path / "out")]) == ExitStatus.BAD_INPUT
    assert "ended the program" in capsys.readouterr().err
