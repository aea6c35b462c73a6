"""An output folder that is used again: whose it is, what stays in it, and advice that can be typed as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.toolkit.models.awkward_networks import Core
from tests.toolkit.report.sample import sample
from toolkit.cli import run_command
from toolkit.errors import ExitStatus, UsageError
from toolkit.pipeline import bench
from toolkit.run_folder.folder import RunFolder, recorded_options, trusted_artifacts

PLAIN, OTHER = "tests.toolkit.models.awkward_networks:plain", "tests.toolkit.run_folder.test_reused_folder:other"


def other() -> Core:
    """A network of another number of classes."""
    return Core(classes=3)


def convert(out: Path, model: str, formats: str, *more: str) -> int:
    return run_command(
        [
            "convert",
            "--model",
            model,
            "--formats",
            formats,
            "--recipes",
            "float32",
            "--input-size",
            "32",
            "--upsample",
            "bilinear",
            "--out",
            str(out),
            "--quiet",
            *more,
        ]
    )


def files(out: Path) -> set[str]:
    return {path.name for path in (out / "artifacts").iterdir() if path.name[0] != "." and path.name != "logs"}


def model_of(out: Path) -> str:
    name: str = json.loads((out / "manifest.json").read_text())["options"]["model"]
    return name


def test_a_folder_of_another_model_is_not_taken_by_the_default_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tmp_path, PLAIN, "onnx") == ExitStatus.PASS
    before = (tmp_path / "manifest.json").read_bytes()
    for command in ("convert", "run"):
        capsys.readouterr()
        assert run_command([command, "--out", str(tmp_path), "--quiet"]) == ExitStatus.BAD_INPUT
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and f"holds artifacts of {PLAIN}" in said
        assert f"segport convert --again {tmp_path}" in said and "--model" in said and "--out" in said
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_the_advice_for_a_changed_and_a_lost_file_mends_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tmp_path, PLAIN, "onnx") == ExitStatus.PASS
    folder = RunFolder(tmp_path)
    (artifact,) = folder.known_artifacts().values()
    for damage, says in (
        (lambda: artifact.path.write_bytes(b"x"), "is not the file"),
        (artifact.path.unlink, "is gone"),
    ):
        damage()
        with pytest.raises(UsageError, match=says) as refused:
            trusted_artifacts(folder)
        command = str(refused.value).split("`")[1].split()
        assert run_command([*command[1:], "--quiet"]) == ExitStatus.PASS
        assert model_of(tmp_path) == PLAIN and [item.sha256 for item in trusted_artifacts(folder)] == [artifact.sha256]
    assert run_command(["convert", "--again", str(tmp_path), "--model", OTHER]) == ExitStatus.BAD_INPUT
    assert "leave out --model" in capsys.readouterr().err


def test_files_of_another_network_go_and_those_of_the_user_stay(tmp_path: Path) -> None:
    assert convert(tmp_path, PLAIN, "onnx,coreml") == ExitStatus.PASS
    (tmp_path / "artifacts" / "notes.txt").write_text("mine")
    assert convert(tmp_path, OTHER, "coreml") == ExitStatus.PASS
    assert files(tmp_path) == {"coreml-float32.mlpackage", "notes.txt"}
    assert {path.stem for path in (tmp_path / "artifacts" / "logs").iterdir()} <= {"coreml-float32"}


def test_a_file_that_was_changed_by_hand_is_nobodys_to_remove(tmp_path: Path) -> None:
    assert convert(tmp_path, PLAIN, "onnx,coreml") == ExitStatus.PASS
    (tmp_path / "artifacts" / "onnx-float32.onnx").write_bytes(b"my own")
    assert convert(tmp_path, OTHER, "coreml") == ExitStatus.PASS
    assert files(tmp_path) == {"coreml-float32.mlpackage", "onnx-float32.onnx"}


def test_files_of_the_same_network_stay_are_not_judged_and_are_reused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(tmp_path, PLAIN, "onnx") == ExitStatus.PASS
    assert convert(tmp_path, PLAIN, "coreml") == ExitStatus.PASS
    assert files(tmp_path) == {"coreml-float32.mlpackage", "onnx-float32.onnx"}
    folder = RunFolder(tmp_path)
    assert set(folder.known_artifacts()) == {"coreml-float32"} and set(folder.kept_artifacts()) == {"onnx-float32"}
    capsys.readouterr()
    assert convert(tmp_path, PLAIN, "onnx,coreml") == ExitStatus.PASS
    assert capsys.readouterr().out.count("(reused)") == 2
    assert not folder.kept_artifacts()
    # What was kept is known two conversions later.
    assert convert(tmp_path, PLAIN, "onnx") == ExitStatus.PASS
    assert convert(tmp_path, OTHER, "onnx") == ExitStatus.PASS
    assert files(tmp_path) == {"onnx-float32.onnx"}


def test_what_a_killed_run_of_another_network_had_made_goes(tmp_path: Path) -> None:
    assert convert(tmp_path, PLAIN, "onnx,coreml") == ExitStatus.PASS
    folder = RunFolder(tmp_path)
    for artifact in folder.known_artifacts().values():
        folder.remember(artifact, "another network")
    folder.manifest.unlink()
    assert convert(tmp_path, OTHER, "coreml") == ExitStatus.PASS
    assert files(tmp_path) == {"coreml-float32.mlpackage"}


def test_a_report_of_another_network_takes_no_times(tmp_path: Path) -> None:
    assert convert(tmp_path, PLAIN, "onnx") == ExitStatus.PASS
    (tmp_path / "report.json").write_text(json.dumps(sample()))
    with pytest.raises(UsageError, match="of another network"):
        bench(recorded_options(tmp_path, {}))
