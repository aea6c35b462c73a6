"""`segport bench --all`, and what `segport inspect` tells of a .tflite file's time and memory."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.toolkit.test_whole_story import CLASSES, FACTORY, SIDE, draw_dataset
from toolkit.cli import run_command
from toolkit.document.schema import check
from toolkit.errors import ExitStatus
from toolkit.report.coverage import (
    EMULATED,
    STATES,
    counts,
    counts_sentence,
    coverage_notes,
    coverage_rows,
    render_coverage,
)
from toolkit.stages.runtimes import every_runtime
from validation.runners.android.phone import TOOL_VARIABLE
from validation.runners.android.server import PORT_VARIABLE
from validation.runners.litert import c_api as litert_native
from validation.runners.litert.cpu_features import Float16, float16_of_this_cpu


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with one .tflite and one .mlpackage, benched in every backend."""
    root = tmp_path_factory.mktemp("all")
    draw_dataset(root / "data")
    (root / "brightest.py").write_text(FACTORY)
    (root / "names.txt").write_text("\n".join(CLASSES))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv(PORT_VARIABLE, "1")  # no adb server is there
        patch.delenv(TOOL_VARIABLE, raising=False)
        options = [
            "--model",
            "brightest:Brightest",
            "--classes",
            "names.txt",
            "--dataset",
            f"folder:{root / 'data'}",
            "--input-size",
            str(SIDE),
            "--images",
            "3",
            "--latency-samples",
            "2",
            "--threads",
            "1",
            "--examples",
            "0",
            "--formats",
            "tflite,coreml",
            "--recipes",
            "float32",
            "--out",
            "out",
            "--quiet",
            "--no-checks",
        ]
        assert run_command(["run", *options, "--runners", "litert,litert:xnnpack-fp16,milrun"]) == 0
        assert run_command(["bench", "out", "--all", "--runners", "litert"]) == ExitStatus.BAD_INPUT
        assert run_command(["bench", "out", "--all", "--latency-samples", "1", "--quiet"]) == 0
    return root / "out"


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_every_backend_has_a_row(folder: Path) -> None:
    rows = coverage_rows(check(document(folder)), "out")
    wanted = {name for name in every_runtime() if not name.startswith("onnxruntime")}
    runs = [run for artifact in document(folder)["artifacts"] for run in artifact["runs"]]
    assert {f"{run['runner']}:{run['backend']}" for run in runs} == wanted
    assert len(rows) == len(runs) == len(wanted)
    for row in rows:
        assert set(row.states) <= set(STATES)
        assert bool(row.missing) == (row.states != ("measured",) * 3)


def test_what_is_measured_emulated_and_missing_is_told_apart(folder: Path) -> None:
    rows = {row.runtime: row for row in coverage_rows(check(document(folder)), "out")}
    assert rows["litert (xnnpack)"].states == ("measured", "measured", "measured")
    assert rows["litert (xnnpack)"].missing == ()
    assert rows["milrun (cpu)"].states == ("emulated", "not run", "not run")
    assert any("--bundle" in item.sentence for item in rows["milrun (cpu)"].missing)
    assert rows["litert (builtin)"].states == ("not run", "measured", "measured")
    assert [item.sentence for item in rows["litert (builtin)"].missing] == [
        "accuracy not run: segport validate out --runners litert:builtin"
    ]
    assert any("checked, not to be fast" in item.sentence for item in rows["litert (reference)"].missing)
    if float16_of_this_cpu() is Float16.ROUNDING:
        assert rows["litert (xnnpack-fp16)"].states == ("emulated", "not run", "not run")
        assert rows["litert (xnnpack-fp16)"].cells[0].endswith(EMULATED)
    found = counts(list(rows.values()))
    assert all(sum(states.values()) == len(rows) for states in found.values())
    assert f"{len(rows)} pairs" in counts_sentence(list(rows.values()))


def test_a_phone_that_is_not_there_is_not_run_and_says_what_to_type(folder: Path) -> None:
    rows = {row.runtime: row for row in coverage_rows(check(document(folder)), "out")}
    for backend in ("cpu", "gpu", "nnapi"):
        row = rows[f"android ({backend})"]
        assert row.states == ("not run", "not run", "not run")
        (item,) = row.missing
        assert item.sentence.startswith("not run: ")
        assert "adb start-server" in item.sentence
        assert "SEGPORT_ANDROID_BENCHMARK" in item.sentence


def test_what_is_missing_is_said_once_for_all_backends(folder: Path) -> None:
    rows = coverage_rows(check(document(folder)), "out")
    notes = coverage_notes(rows)
    assert len({sentence for sentence, _ in notes}) == len(notes)
    for place, row in enumerate(rows):
        assert len([places for _, places in notes if place in places]) == len(row.missing)
    (asked,) = [sentence for sentence, _ in notes if "segport validate out --runners" in sentence]
    assert "litert:reference,litert:builtin" in asked


@pytest.mark.parametrize("width", [80, 140])
def test_one_table_that_fits(folder: Path, width: int) -> None:
    console = Console(width=width, record=True, file=StringIO())
    found = check(document(folder))
    render_coverage(found, "out", console)
    shown = console.export_text()
    lines = shown.splitlines()
    table = lines[: next(place for place, line in enumerate(lines) if line.startswith("* emulated"))]
    assert max(len(line.rstrip()) for line in table) <= width
    rows = coverage_rows(found, "out")
    for row in rows:
        assert len([line for line in table if line.startswith(f"  {row.runtime} ")]) == 1
    assert shown.count("adb start-server") == 1


def test_anonymous_memory_is_part_of_the_memory(folder: Path) -> None:
    runs = [run for artifact in document(folder)["artifacts"] for run in artifact["runs"]]
    told = [run for run in runs if run["anonymous_memory_bytes"] is not None]
    assert told
    assert all(0 <= run["anonymous_memory_bytes"] <= run["peak_memory_bytes"] for run in told)


def test_inspect_shows_where_the_time_goes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(folder / "artifacts" / "tflite-float32.tflite")
    assert run_command(["inspect", path, "--profile", "--json"]) == ExitStatus.PASS
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "measured"
    assert sum(item["share"] for item in found["operations"]) == pytest.approx(1.0)
    assert run_command(["inspect", path, "--profile", "--backend", "builtin"]) == ExitStatus.PASS
    shown = capsys.readouterr().out
    assert "CONV_2D" in shown
    assert "shares count" in shown
    assert run_command(["inspect", path, "--profile", "--backend", "reference"]) == ExitStatus.NOT_INSTALLED
    assert "not to be fast" in capsys.readouterr().out
    assert run_command(["inspect", path, "--profile", "--backend", "gpu"]) == ExitStatus.BAD_INPUT


def test_inspect_profile_says_why_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "artifacts" / "tflite-float32.tflite"
    damaged = tmp_path / "net.tflite"
    damaged.write_bytes(path.read_bytes()[:200])
    assert run_command(["inspect", str(damaged), "--profile"]) == ExitStatus.BAD_INPUT
    assert run_command(["inspect", str(tmp_path / "none.tflite"), "--memory"]) == ExitStatus.BAD_INPUT
    assert run_command(["inspect", str(folder / "artifacts" / "coreml-float32.mlpackage"), "--profile"]) == 2
    assert "reads .tflite files" in capsys.readouterr().err
    monkeypatch.setattr(litert_native, "version", lambda package: "9.9.9")
    assert run_command(["inspect", str(path), "--profile"]) == ExitStatus.NOT_INSTALLED
    assert "9.9.9 is installed" in capsys.readouterr().out


def test_inspect_shows_the_plan_of_its_memory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(folder / "artifacts" / "tflite-float32.tflite")
    assert run_command(["inspect", path, "--memory", "--json"]) == ExitStatus.PASS
    plan = json.loads(capsys.readouterr().out)
    assert plan["arena_bytes"] >= plan["peak_bytes"] >= SIDE * SIDE * 3 * 4
    assert run_command(["inspect", path, "--memory"]) == ExitStatus.PASS
    assert "MB at the peak" in capsys.readouterr().out
