"""`segport run` on a network of the user's own, end to end: convert, run everything, judge, report, reuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import toolkit
from toolkit.cli import run_command
from toolkit.document.outcome import load_outcome
from toolkit.errors import ExitStatus, UsageError
from toolkit.progress import SilentProgress
from toolkit.run_folder.folder import recorded_options
from validation.runners.base.other_interpreter.environment import ENVS_VARIABLE

CLASSES = ("red", "green", "blue")
SIDE = 32
FACTORY = """
import torch

class Brightest(torch.nn.Module):
    '''The class is the strongest colour; a residual block gives converters something to fold.'''

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(8)
        self.last = torch.nn.Conv2d(8, 3, 1)
        with torch.no_grad():
            self.first.weight.zero_()
            self.first.weight[0:3, 0:3, 1, 1] = torch.eye(3)
            self.first.weight[3:] = torch.randn(5, 3, 3, 3) * 0.05
            self.last.weight.zero_()
            self.last.weight[:, 0:3, 0, 0] = torch.eye(3) * 10

    def forward(self, image):
        return self.last(torch.relu(self.norm(self.first(image))))
"""


def draw_dataset(root: Path) -> Path:
    """Blocks of three noisy colours; the mask says which."""
    random = np.random.default_rng(0)
    colours = np.array([[200, 60, 50], [50, 190, 70], [40, 60, 210]])
    for split, count in (("train", 4), ("test", 4)):
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            mask = random.integers(0, 3, (4, 4)).repeat(8, 0).repeat(8, 1)
            picture = np.clip(colours[mask] + random.normal(0, 20, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(root / split / "images" / f"{index}.png")
            Image.fromarray(mask.astype(np.uint8)).save(root / split / "masks" / f"{index}.png")
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, a factory and one finished run in `out`."""
    root = tmp_path_factory.mktemp("story")
    draw_dataset(root / "data")
    (root / "brightest.py").write_text(FACTORY)
    (root / "names.txt").write_text("\n".join(CLASSES))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        # Whether or not other tests have installed tflite-runtime 2.14: it computes this network's int8_dynamic file
        # wrongly.
        patch.setenv(ENVS_VARIABLE, str(root / "no environments"))
        assert run_command(["run", *arguments(root), "--quiet"]) == ExitStatus.PASS
    return root


def arguments(root: Path) -> list[str]:
    return [
        "--model",
        "brightest:Brightest",
        "--classes",
        "names.txt",
        "--dataset",
        f"folder:{root / 'data'}",
        "--input-size",
        str(SIDE),
        "--images",
        "4",
        "--calibration-images",
        "4",
        "--latency-samples",
        "3",
        "--threads",
        "1",
        "--examples",
        "2",
        "--out",
        "out",
    ]


def document(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "out" / "report.json").read_text())
    return found


def test_every_default_artifact_is_measured_and_passes(place: Path) -> None:
    report = document(place)
    assert report["schema"] == 1
    names = {artifact["name"] for artifact in report["artifacts"]}
    assert names == {
        "tflite-float32",
        "tflite-float16",
        "tflite-int8_dynamic",
        "tflite-int8_static",
        "coreml-float32",
        "coreml-float16",
        "coreml-int8_weights",
        "onnx-float32",
    }
    assert report["reference"]["miou"] > 0.9
    for artifact in report["artifacts"]:
        measured = [run for run in artifact["runs"] if run["status"] == "measured"]
        assert measured, artifact["name"]
        assert artifact["verdict"]["status"] == "pass", artifact["verdict"]
        assert (place / "out" / artifact["path"]).exists()
        for run in measured:
            assert set(run["per_class_iou"]) == set(CLASSES)
            if artifact["recipe"] == "float32":
                assert abs(run["delta_miou"]) <= 0.001
                assert run["pixel_agreement"] > 0.999


def test_a_simulated_core_ml_runtime_reports_no_latency(place: Path) -> None:
    runs = [run for artifact in document(place)["artifacts"] for run in artifact["runs"] if run["runner"] == "milrun"]
    assert runs
    for run in runs:
        assert run["latency_ms"] is None
        assert run["latency_status"] == "not_run"
        assert run["latency_reason"]


def test_core_ml_framework_is_not_run_off_macos_with_a_reason(place: Path) -> None:
    runs = [run for artifact in document(place)["artifacts"] for run in artifact["runs"] if run["runner"] == "coreml"]
    for run in runs:
        assert run["status"] in ("measured", "not_run")
        assert (run["status"] == "measured") == (run["reason"] == "")


def test_manifest_names_samples_hashes_and_versions(place: Path) -> None:
    manifest = json.loads((place / "out" / "manifest.json").read_text())
    assert manifest["calibration"]["ids"]
    assert manifest["model"]["weights_sha256"]
    assert manifest["environment"]["packages"]["torch"]
    assert all(len(artifact["sha256"]) == 64 for artifact in manifest["artifacts"])


def test_report_files_and_pictures_are_there(place: Path) -> None:
    for name in ("report.json", "report.md", "report.html"):
        assert (place / "out" / name).stat().st_size > 500
    examples = document(place)["examples"]
    assert len(examples) == 2
    for example in examples:
        assert (place / "out" / example["picture"]).exists()
        for picture in example["artifacts"].values():
            assert (place / "out" / picture["difference"]).exists()


def test_nothing_temporary_is_left(place: Path) -> None:
    left = [path for path in (place / "out").rglob("*") if ".tmp" in path.name or path.name.endswith(".part")]
    assert not left
    assert not list((place / "out" / "artifacts").glob(".segport-*workspace*"))


def test_second_run_reuses_artifacts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    options = toolkit.RunOptions(
        model="brightest:Brightest",
        classes=Path("names.txt"),
        dataset=f"folder:{place / 'data'}",
        input_size=SIDE,
        images=4,
        calibration_images=4,
        threads=1,
        out=Path("out"),
    )
    conversions = toolkit.convert(options)
    assert all(outcome.reused for outcome in conversions.outcomes)
    artifact = conversions.artifacts[0]
    artifact.path.write_bytes(b"tampered")
    with pytest.raises(UsageError, match="not the file that was converted"):
        toolkit.validate(options)
    again = toolkit.convert(options)
    assert [outcome.conversion.name for outcome in again.outcomes if not outcome.reused] == [artifact.name]
    assert again.artifacts[0].sha256 == artifact.sha256


def test_validate_with_an_impossible_gate_fails_and_keeps_latency(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    before = {item["name"]: item["runs"][0]["latency_ms"] for item in document(place)["artifacts"]}
    status = run_command(["validate", "out", "--runners", "litert,milrun,onnxruntime", "--images", "3", "--quiet"])
    assert status == ExitStatus.PASS
    after = {item["name"]: item["runs"][0]["latency_ms"] for item in document(place)["artifacts"]}
    assert after["tflite-float32"] == before["tflite-float32"] is not None
    assert document(place)["dataset"]["images"] == 3


def test_bench_keeps_accuracy(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    before = document(place)["artifacts"][0]["runs"][0]
    assert run_command(["bench", "out", "--runners", "litert", "--latency-samples", "5", "--quiet"]) in (0, 1)
    after = document(place)["artifacts"][0]["runs"][0]
    assert after["miou"] == before["miou"]
    assert after["latency_ms"]["samples"] == 5


def test_everything_of_a_run_is_sampled_in_turns_and_started_cold(place: Path) -> None:
    found = document(place)
    times = [run["latency_ms"] for item in found["artifacts"] for run in item["runs"] if run["latency_ms"]]
    assert {time["in_turns"] for time in [*times, found["reference"]["latency_ms"]]} == {len(times) + 1}
    assert all(time["cold_start"] == pytest.approx(time["load_ms"] + time["first_run_ms"]) for time in times)


def test_bench_sweeps_threads_and_profiles(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    before = document(place)
    arguments = ["out", "--runners", "litert,onnxruntime", "--latency-samples", "4", "--quiet"]
    assert run_command(["bench", *arguments, "--threads", "999,1", "--per-op"]) == ExitStatus.BAD_INPUT
    assert run_command(["bench", *arguments, "--threads", "1,many"]) == ExitStatus.BAD_INPUT
    assert run_command(["bench", *arguments, "--threads", "2,2"]) == ExitStatus.BAD_INPUT
    assert document(place) == before
    assert run_command(["bench", *arguments, "--threads", "1,2,33", "--per-op"]) in (0, 1)
    runs = [run for item in document(place)["artifacts"] for run in item["runs"]]
    assert runs
    for run in runs:
        assert [item["threads"] for item in run["thread_sweep"]] == [1, 2, 33]
        own = next(item for item in run["thread_sweep"] if item["threads"] == run["threads"] == 1)
        assert own["p50"] == run["latency_ms"]["p50"]
        assert run["per_op"]["status"] == "measured"
        assert {item["delegated"] for item in run["per_op"]["kinds"]} == {True if run["runner"] == "litert" else None}
    assert runs[0]["miou"] == before["artifacts"][0]["runs"][0]["miou"]
    assert any("33 threads were asked for" in warning for warning in document(place)["warnings"])
    shown = capsys.readouterr().out
    assert "p50 ms by number of threads" in shown
    assert "Conv" in shown
    assert "IGEMM" in shown


def test_report_is_drawn_again_from_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (place / "out" / "report.html").unlink()
    assert run_command(["report", "out"]) in (0, 1)
    assert (place / "out" / "report.html").exists()
    assert load_outcome(place / "out").document["schema"] == 1


def test_an_outcome_is_typed_and_plain(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    outcome = load_outcome(place / "out")
    assert outcome.document == document(place)
    assert [item.name for item in outcome.report.artifacts] == [item["name"] for item in outcome.document["artifacts"]]
    assert outcome.report.artifacts[0].runs[0].miou == outcome.document["artifacts"][0]["runs"][0]["miou"]


def test_a_damaged_report_costs_only_its_times(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Listening(SilentProgress):
        def note(self, message: str) -> None:
            notes.append(message)

    notes: list[str] = []
    monkeypatch.chdir(place)
    copied = shutil.copytree(place / "out", tmp_path / "out")
    (copied / "report.json").write_text('{"schema": 1')
    given = {"runners": ("onnxruntime",), "examples": 0, "checks": False, "latency_samples": 0}
    outcome = toolkit.validate(recorded_options(copied, given), Listening())
    assert outcome.status is ExitStatus.PASS
    assert [note for note in notes if "times from before are not kept" in note and "report.json cannot be read" in note]
    run = next(run for item in load_outcome(copied).report.artifacts for run in item.runs)
    assert (run.status, run.latency_ms, run.latency_reason) == ("measured", None, "not asked for")


def test_a_lost_class_fails_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """int8 activations cannot hold a class whose logit differs by less than one step: the verdict must say so."""
    draw_dataset(tmp_path / "data")
    fragile = FACTORY.replace("* 10\n", "* 10\n            self.last.weight[2, 3, 0, 0] = 4000.0\n")
    (tmp_path / "brightest.py").write_text(fragile.replace("Brightest", "Fragile"))
    (tmp_path / "names.txt").write_text("\n".join(CLASSES))
    monkeypatch.chdir(tmp_path)
    given = [part.replace("brightest:Brightest", "brightest:Fragile") for part in arguments(tmp_path)]
    monkeypatch.delitem(__import__("sys").modules, "brightest", raising=False)
    status = run_command(
        ["run", *given, "--formats", "tflite", "--recipes", "float32,int8_static", "--max-class-drop", "0", "--quiet"]
    )
    verdicts = {item["name"]: item["verdict"]["status"] for item in document(tmp_path)["artifacts"]}
    assert verdicts == {"tflite-float32": "pass", "tflite-int8_static": "fail"}
    assert status == ExitStatus.GATE_FAILED
