"""Planted mistakes at the command line: exit status 1 and the check's sentence in every report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import content_hash
from tests.toolkit.report.sample import sample
from tests.toolkit.test_whole_story import FACTORY, SIDE, draw_dataset
from toolkit.cli import run_command
from toolkit.document.outcome import load_outcome
from toolkit.document.schema import check
from toolkit.document.verdicts import judged
from toolkit.errors import ExitStatus

MISTAKES = """
class Swapped(Brightest):
    def forward(self, image):
        return super().forward(image.flip(1))


class Doubled(Brightest):
    def forward(self, image):
        return super().forward(image * 2 - 1)


class Shuffled(Brightest):
    def forward(self, image):
        return super().forward(image)[:, [1, 2, 0]]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a factory with mistakes in it, and a run of each converted to ONNX."""
    root = tmp_path_factory.mktemp("planted")
    draw_dataset(root / "data")
    (root / "planted.py").write_text(FACTORY + MISTAKES)
    (root / "names.txt").write_text("red\ngreen\nblue\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name in ("Brightest", "Swapped", "Doubled", "Shuffled"):
            assert run_command(["convert", *arguments(name)]) == ExitStatus.PASS
    return root


def arguments(name: str, *more: str) -> list[str]:
    return [
        "--model",
        f"planted:{name}",
        "--classes",
        "names.txt",
        "--dataset",
        "folder:data",
        "--input-size",
        str(SIDE),
        "--calibration-images",
        "4",
        "--formats",
        "onnx",
        "--recipes",
        "float32",
        "--out",
        name,
        "--quiet",
        *more,
    ]


def plant(place: Path, name: str, folder: Path) -> Path:
    """The right network's run folder with the file of the one that has a mistake, as a converter gone wrong leaves
    it."""
    shutil.copytree(place / "Brightest", folder)
    shutil.copytree(place / name / "artifacts", folder / "artifacts", dirs_exist_ok=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    for artifact in manifest["artifacts"]:
        artifact["sha256"] = content_hash(folder / artifact["path"])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def failed(folder: Path) -> dict[str, dict[str, Any]]:
    checks = load_outcome(folder).document["checks"]
    return {check["name"]: check for check in checks if check["status"] == "fail"}


def test_the_right_network_passes_and_its_checks_are_in_every_report(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    folder = plant(place, "Brightest", tmp_path / "right")
    assert run_command(["validate", str(folder), "--images", "4", "--threads", "1", "--quiet"]) == ExitStatus.PASS
    document = load_outcome(folder).document
    found = {check["name"]: check for check in document["checks"]}
    assert {"overlap", "preprocessing", "output", "determinism", "parity"} <= set(found)
    assert {check["status"] for check in found.values()} == {"pass"}
    assert found["overlap"]["artifact"] is None
    assert found["output"]["artifact"] == "onnx-float32"
    assert f"Checks: {len(found)} pass" in capsys.readouterr().out
    assert "## Checks" in (folder / "report.md").read_text()
    assert document["artifacts"][0]["lint"] == []


@pytest.mark.parametrize(
    ("name", "check", "sentence"),
    [
        ("Swapped", "preprocessing", "onnx-float32 answers as if red and blue were swapped (BGR for RGB)"),
        ("Doubled", "preprocessing", "onnx-float32 answers as if pixels were normalised twice: (x - 0.5) / 0.5"),
        ("Shuffled", "output", "the classes of onnx-float32 are in another order: red shows the network's green"),
    ],
)
def test_a_planted_mistake_fails_the_run_by_name(
    name: str,
    check: str,
    sentence: str,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    folder = plant(place, name, tmp_path / "wrong")
    gates = ["--max-miou-drop", "1", "--max-class-drop", "1"]
    assert (
        run_command(["validate", str(folder), "--images", "4", "--threads", "1", "--quiet", *gates])
        == ExitStatus.GATE_FAILED
    )
    shown = " ".join(capsys.readouterr().out.split())
    assert sentence in failed(folder)[check]["message"]
    assert sentence in shown
    for report in ("report.md", "report.html", "report.junit.xml"):
        assert sentence.partition(":")[0] in (folder / report).read_text()
    verdict = load_outcome(folder).document["artifacts"][0]["verdict"]
    assert any(reason.startswith(f"check {check}: ") for reason in verdict["reasons"])
    assert len(verdict["reasons"]) == len(verdict["details"])


def test_checks_can_be_left_out(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    folder = plant(place, "Brightest", tmp_path / "left")
    assert (
        run_command(["validate", str(folder), "--images", "4", "--threads", "1", "--quiet", "--no-checks"])
        == ExitStatus.PASS
    )
    assert load_outcome(folder).document.get("checks", []) == []


def test_an_evaluation_folder_that_shares_a_picture_with_calibration(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same pixels under another name and in another kind of file."""
    monkeypatch.chdir(place)
    shutil.copytree(place / "data", place / "shared")
    with Image.open(place / "shared/train/images/2.png") as picture:
        picture.save(place / "shared/test/images/vacation.bmp")
    shutil.copy(place / "shared/train/masks/2.png", place / "shared/test/masks/vacation.png")
    given = arguments("Brightest", "--images", "5", "--latency-samples", "0", "--examples", "0", "--threads", "1")
    given[given.index("folder:data")] = "folder:shared"
    given[given.index("onnx")] = "tflite"
    given[given.index("float32")] = "int8_static"
    given[given.index("--out") + 1] = "shared-run"
    assert run_command(["run", *given]) == ExitStatus.GATE_FAILED
    (found,) = failed(place / "shared-run").values()
    assert found["name"] == "overlap"
    assert "1 of 5 pictures that judge also calibrated tflite-int8_static: vacation" in found["message"]
    assert "pictures that judge also calibrated" in " ".join(capsys.readouterr().out.split())
    (artifact,) = load_outcome(place / "shared-run").document["artifacts"]
    assert artifact["verdict"]["status"] == "pass"
    assert {entry["target"] for entry in artifact["lint"]} == {"nnapi-int8", "tflite-gpu", "xnnpack"}


def test_judging_twice_changes_nothing_and_a_mended_check_is_forgotten() -> None:
    document = sample()
    name = document["artifacts"][0]["name"]
    confused = {"name": "output", "artifact": name, "status": "fail", "message": "confused", "facts": {}}

    def finished(found: dict[str, Any]) -> dict[str, Any]:
        return judged(check(found)).to_json()

    before = finished({**document, "checks": []})
    once = finished({**document, "checks": [confused]})
    verdict = once["artifacts"][0]["verdict"]
    assert verdict["status"] == "fail"
    assert verdict["reasons"] == ["check output: confused", *before["artifacts"][0]["verdict"]["reasons"]]
    assert verdict["details"][0] == {"about": "check output", "outcome": "fail"}
    assert once["artifacts"][1:] == before["artifacts"][1:]
    assert finished(once) == once
    assert finished({**once, "checks": [{**confused, "status": "warn"}]})["artifacts"] == before["artifacts"]
