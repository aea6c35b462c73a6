"""What a killed run leaves behind: finished artifacts are known, unfinished files are cleared away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from converters import Artifact, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.converters import small_network as small
from tests.reliability.starting import small_run
from tests.toolkit.run_folder.manifests import least_manifest
from toolkit.cli import run_command
from toolkit.errors import ExitStatus, UsageError
from toolkit.run_folder.folder import RunFolder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[Artifact]]:
    """A run that was killed after two conversions of two: artifacts and journal, no manifest."""
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    plan = make_plan(small.small_source(), [("onnx", recipe("float32")), ("coreml", recipe("float16"))])
    outcomes = perform(plan, folder.artifacts, on_artifact=folder.remember)
    return folder, [outcome.artifact for outcome in outcomes if outcome.artifact is not None]


def test_artifacts_of_a_killed_run_are_reused_but_not_yet_judged(made: tuple[RunFolder, list[Artifact]]) -> None:
    folder, artifacts = made
    assert [item.name for item in artifacts] == ["onnx-float32", "coreml-float16"]
    assert folder.known_artifacts() == {}
    assert folder.reusable_artifacts() == {item.name: item for item in artifacts}
    plan = make_plan(small.small_source(), [("onnx", recipe("float32")), ("coreml", recipe("float16"))])
    again = perform(plan, folder.artifacts, known=folder.reusable_artifacts())
    assert all(outcome.reused for outcome in again)


def test_a_damaged_journal_costs_only_time(made: tuple[RunFolder, list[Artifact]]) -> None:
    folder, _ = made
    whole = folder.journal.read_text()
    try:
        for damage in (whole[: len(whole) // 2], "{}", '{"artifacts": [{"name": "x"}]}', "\0"):
            folder.journal.write_text(damage)
            assert folder.reusable_artifacts() == {}
    finally:
        folder.journal.write_text(whole)


def test_unfinished_files_go_when_the_folder_is_claimed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "examples").mkdir()
    leftovers = [
        tmp_path / ".report.json.123.tmp",
        tmp_path / "examples" / ".00-truth.png.9.tmp",
        tmp_path / ".maps.npy.4.part",
    ]
    keep = [tmp_path / "notes.tmp", tmp_path / ".hidden"]
    for path in (*leftovers, *keep):
        path.write_text("x")
    with folder.claimed():
        assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in keep)


def test_the_manifest_takes_over_from_the_journal(tmp_path: Path, made: tuple[RunFolder, list[Artifact]]) -> None:
    folder = RunFolder(tmp_path)
    folder.remember(replace(made[1][0], path=tmp_path / "artifacts" / "x.onnx"))
    assert set(folder.reusable_artifacts()) == {"onnx-float32"}
    folder.save_manifest(least_manifest())
    assert not folder.journal.exists() and folder.reusable_artifacts() == {}


def test_two_runs_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = small_run(tmp_path, "--formats", "onnx", "--out", str(tmp_path / "out"))
    with RunFolder(tmp_path / "out").claimed():
        assert run_command(arguments) == ExitStatus.BAD_INPUT
        said = f"segport: another segport is at work in {tmp_path / 'out'}; wait for it or choose another --out\n"
        assert capsys.readouterr().err == said
        assert not list((tmp_path / "out").rglob("*.onnx"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda document: document.pop("failed"), "failed: Field required"),
        (lambda document: document["model"].update(input_size=[64]), "model.input_size"),
        (lambda document: document["artifacts"].append({"format": "tflite"}), "artifacts.0.name"),
        (lambda document: document.update(options=7), "options"),
    ],
)
def test_a_manifest_that_lacks_something_says_where(change: Callable[[Any], Any], says: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    document = least_manifest()
    folder.save_manifest(document)
    assert folder.load_manifest()["model"] == document["model"]
    change(document)
    folder.save_manifest(document)
    with pytest.raises(UsageError, match=says):
        folder.load_manifest()
