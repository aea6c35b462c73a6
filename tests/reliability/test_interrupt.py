"""Ctrl-C while converting, while a runtime works, and deep inside a library: over in two seconds, nobody left,
continued later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.reliability.hostile import STARTED
from tests.reliability.starting import ROOT, family, small_run, started, survivors

SECONDS = 2.0


def interrupted(process: subprocess.Popen[str], moment: Path) -> tuple[float, str]:
    """Send SIGINT to the whole group once `moment` exists; seconds until the end, and what was said."""
    until = time.monotonic() + 120
    while not moment.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    relatives = family(process)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    spent = time.monotonic() - began
    assert not survivors(relatives)
    return spent, errors


@pytest.mark.parametrize("recipe", ["make_hang", "run_hang"])
def test_ctrl_c_ends_in_two_seconds_and_the_same_command_continues(recipe: str, tmp_path: Path) -> None:
    out, moment = tmp_path / "out", tmp_path / "moment"
    more = ("--latency-samples", "0", "--no-checks", "--out", str(out))
    command = small_run(tmp_path, "--formats", "onnx,hostile", "--recipes", f"float32,{recipe}", *more)
    process = started(tmp_path, command, **{STARTED: str(moment)})
    spent, errors = interrupted(process, moment)
    assert process.returncode == 130
    assert spent < SECONDS
    assert errors.strip() == "segport: stopped; what was finished is kept, and the same command continues"
    made = (out / "artifacts" / "onnx-float32.onnx").stat().st_mtime_ns
    again = started(tmp_path, small_run(tmp_path, "--formats", "onnx", "--recipes", "float32", *more))
    printed, errors = again.communicate(timeout=240)
    assert again.returncode == 0, errors + printed
    assert (out / "artifacts" / "onnx-float32.onnx").stat().st_mtime_ns == made
    assert [item["name"] for item in json.loads((out / "report.json").read_text())["artifacts"]] == ["onnx-float32"]
    assert not list(out.rglob(".*.tmp")) + list(out.rglob(".segport-*"))


STUBBORN = """
import pathlib, sys, time
from toolkit.cli.interrupt import answer_promptly
answer_promptly("segport: stopped", 130)
pathlib.Path(sys.argv[1]).touch()
until = time.monotonic() + 60
while time.monotonic() < until:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""


def test_a_main_thread_that_does_not_look_up_is_ended(tmp_path: Path) -> None:
    moment = tmp_path / "moment"
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, str(moment)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    spent, errors = interrupted(process, moment)
    assert (process.returncode, errors) == (130, "segport: stopped\n")
    assert spent < SECONDS


def test_nobody_outlives_a_killed_segport(tmp_path: Path) -> None:
    moment = tmp_path / "moment"
    command = small_run(tmp_path, "--formats", "hostile", "--recipes", "make_hang", "--out", str(tmp_path / "out"))
    process = started(tmp_path, command, **{STARTED: str(moment)})
    until = time.monotonic() + 120
    while not moment.exists() and time.monotonic() < until:
        time.sleep(0.02)
    relatives = family(process)
    assert relatives
    process.kill()
    process.communicate()
    assert not survivors(relatives)
