"""A disk without room: said before work begins; and where it fills up meanwhile, in one sentence, with everything
finished kept."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.reliability.starting import small_run, started
from toolkit.cli import run_command
from toolkit.errors import ExitStatus


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=20_000))
    arguments = small_run(tmp_path, "--formats", "onnx", "--out", str(tmp_path / "deep" / "out"))
    assert run_command(arguments) == ExitStatus.BAD_INPUT
    said = capsys.readouterr().err
    assert "may need 0 MB, but its disk has 0 MB free; make room or choose another --out" in said
    assert not (tmp_path / "deep").exists()


def _finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=240)
    return process.returncode, errors


@pytest.mark.parametrize("largest", [600, 8_000, 60_000])
def test_a_disk_that_fills_up_costs_nothing_that_was_finished(largest: int, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the system refuses to write in the same way."""
    arguments = small_run(
        tmp_path, "--formats", "onnx", "--recipes", "float32", "--latency-samples", "0", "--out", str(tmp_path / "out")
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        process = started(tmp_path, arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    status, errors = _finished(process)
    assert status in (ExitStatus.BAD_INPUT, ExitStatus.TOOL_FAILED), errors
    lines = [line for line in errors.splitlines() if line.startswith("segport: ")]
    assert len(lines) <= 1 and "itself failed" not in errors and "Traceback" not in errors, errors
    if status == ExitStatus.BAD_INPUT:
        assert "File too large" in errors
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "artifacts").glob("*.onnx")}
    assert _finished(started(tmp_path, arguments)) == (0, "")
    assert all(path.stat().st_mtime_ns == moment for path, moment in made.items())
    assert not list((tmp_path / "out").rglob(".segport-*")) + list((tmp_path / "out").rglob("*.part"))
