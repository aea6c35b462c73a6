"""A phone on another machine: bench and validate there, export, merge here; what is folded in and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toolkit.test_whole_story import CLASSES, FACTORY, SIDE, draw_dataset
from tests.validation.runners.android.fake_phone import FakePhone
from tests.validation.runners.android.fake_server import serving
from tests.validation.runners.android.fake_tool import FakeTool, program_file
from toolkit.cli import run_command
from toolkit.document.schema import check
from validation.runners.android.phone import SERIAL_VARIABLE, TOOL_VARIABLE
from validation.runners.android.runner import IMAGES_VARIABLE
from validation.runners.android.server import PORT_VARIABLE

Document = dict[str, Any]
NAME = "Google Pixel 0 (Android 14)"
RUNNERS = "android,android:gpu"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a .tflite file, here; and the same folder where the phone is, with the phone's result."""
    root = tmp_path_factory.mktemp("phone")
    draw_dataset(root / "data")
    (root / "brightest.py").write_text(FACTORY)
    (root / "names.txt").write_text("\n".join(CLASSES))
    phone = FakePhone(tool=FakeTool(failing={"GPU": "partially"}))
    with pytest.MonkeyPatch.context() as patch, serving(phone) as server:
        patch.chdir(root)
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
            "4",
            "--latency-samples",
            "2",
            "--threads",
            "1",
            "--examples",
            "0",
            "--formats",
            "tflite",
            "--recipes",
            "float32",
            "--runners",
            "litert",
            "--no-checks",
            "--out",
            "here",
            "--quiet",
        ]
        assert run_command(["run", *options]) == 0
        shutil.copytree(root / "here", root / "there")
        patch.setenv(PORT_VARIABLE, str(server.port))
        patch.setenv(TOOL_VARIABLE, str(program_file(root)))
        patch.delenv(SERIAL_VARIABLE, raising=False)
        patch.setenv(IMAGES_VARIABLE, "3")
        assert run_command(["validate", "there", "--runners", RUNNERS, "--quiet"]) == 0
        assert run_command(["bench", "there", "--runners", RUNNERS, "--latency-samples", "5", "--quiet"]) == 0
        assert run_command(["report", "there", "--export", "phone.json"]) == 0
        assert not phone.files
    return root


@pytest.fixture
def place(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(pristine, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    monkeypatch.setenv(PORT_VARIABLE, "1")  # no phone here
    monkeypatch.delenv(TOOL_VARIABLE, raising=False)
    return tmp_path / "place"


def rows(folder: Path) -> dict[tuple[str, str, str], Document]:
    document = json.loads((folder / "report.json").read_text())
    check(document)
    (artifact,) = document["artifacts"]
    return {(run["runner"], run["backend"], run["machine"]): run for run in artifact["runs"]}


def changed(place: Path, change: Callable[[Document], object]) -> str:
    result = json.loads((place / "phone.json").read_text())
    change(result)
    (place / "changed.json").write_text(json.dumps(result))
    return "changed.json"


def test_where_the_phone_is_it_is_a_machine_of_its_own(place: Path) -> None:
    found = rows(place / "there")
    assert set(found) == {("android", "cpu", NAME), ("android", "gpu", NAME)}
    for run in found.values():
        assert (run["status"], run["latency_status"], run["images"]) == ("measured", "measured", 3)
        assert run["machine_details"]["system"] == "Android"
        assert run["latency_ms"]["samples"] == 5
        assert run["latency_ms"]["p90"] is None
        assert run["peak_memory_bytes"] == 4.25 * 2**20
    assert found["android", "cpu", NAME]["delegation"]["whole"]
    assert found["android", "gpu", NAME]["delegation"]["taken"] == 2
    for name in ("report.md", "report.html"):
        assert f"android (gpu, in part) on {NAME}" in (place / "there" / name).read_text()


def test_results_are_folded_in_elsewhere(place: Path) -> None:
    here, there = rows(place / "here"), rows(place / "there")
    assert run_command(["report", "here", "--merge", "phone.json"]) == 0
    merged = rows(place / "here")
    assert set(merged) == set(here) | set(there)
    for key, run in there.items():
        for field in (
            "miou",
            "delta_miou",
            "delta_miou_ci95",
            "per_class_iou",
            "pixel_agreement",
            "class_flips",
            "images",
            "threads",
            "peak_memory_bytes",
            "output_size",
            "machine_details",
            "delegation",
        ):
            assert merged[key][field] == run[field], field
        for figure in ("p50", "p90", "p95", "mean", "min", "samples", "cold_start", "first_run_ms"):
            assert merged[key]["latency_ms"][figure] == run["latency_ms"][figure], figure
        assert merged[key]["measured_at"]
    once = (place / "here" / "report.json").read_text()
    assert run_command(["report", "here", "--merge", "phone.json"]) == 0
    assert (place / "here" / "report.json").read_text() == once


def test_later_work_here_forgets_nothing(place: Path) -> None:
    assert run_command(["report", "here", "--merge", "phone.json"]) == 0
    before = {key: run for key, run in rows(place / "here").items() if key[2]}
    assert run_command(["bench", "here", "--runners", "litert,android", "--latency-samples", "2", "--quiet"]) == 0
    after = rows(place / "here")
    assert {key: run for key, run in after.items() if key[2]} == before
    assert ("android", "cpu", "") not in after  # there is no phone here, and of one there everything is known


def test_merging_where_it_was_measured_keeps_one_row(place: Path) -> None:
    assert run_command(["report", "there", "--merge", "phone.json"]) == 0
    assert set(rows(place / "there")) == {("android", "cpu", NAME), ("android", "gpu", NAME)}


def test_a_delegate_that_is_refused_fails_the_artifact_elsewhere_too(place: Path) -> None:
    def refused(result: Document) -> None:
        result["runs"][1] |= {
            "status": "failed",
            "reason": "no GPU",
            "latency_ms": None,
            "pictures": [],
            "peak_memory_bytes": None,
            "class_flips": None,
        }

    assert run_command(["report", "here", "--merge", changed(place, refused)]) == 4
    assert rows(place / "here")["android", "gpu", NAME]["status"] == "failed"


def miscount(result: Document) -> None:
    result["runs"][0]["pictures"][0]["confusion"][0][0] += 1


def other_pictures(result: Document) -> None:
    result["dataset_digest"] = "0" * 64


def no_pictures_named(result: Document) -> None:
    result["dataset_digest"] = None


def two_homes(result: Document) -> None:
    result["bundle_sha256"] = "0" * 64


def other_order(result: Document) -> None:
    result["runs"][0]["pictures"].reverse()


def other_file(result: Document) -> None:
    result["runs"][0]["sha256"] = "0" * 64


def other_signature(result: Document) -> None:
    result["runs"][0]["signature"] = "large"


def memory_alone(result: Document) -> None:
    result["runs"][0]["latency_ms"] = None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (miscount, "do not count the pixels"),
        (other_pictures, "was judged on other pictures"),
        (no_pictures_named, "nor a dataset"),
        (two_homes, "a bundle and a dataset"),
        (other_order, "not in their order"),
        (other_file, "another file"),
        (other_signature, "was not in its bundle"),
        (memory_alone, "together with the latency"),
    ],
)
def test_unsound_results_change_nothing(
    place: Path, change: Callable[[Document], object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (place / "here" / "report.json").read_bytes()
    assert run_command(["report", "here", "--merge", changed(place, change)]) == 2
    errors = capsys.readouterr().err
    assert says in errors
    assert errors.count("\n") == 1
    assert (place / "here" / "report.json").read_bytes() == before


def test_without_the_reference_s_counts_nothing_is_compared(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / "here" / "cache")
    assert run_command(["report", "here", "--merge", "phone.json"]) == 2
    assert "run: segport validate here" in capsys.readouterr().err

    def only_time(result: Document) -> None:
        for run in result["runs"]:
            run |= {"pictures": [], "class_flips": None, "pixel_agreement": None}

    assert run_command(["report", "here", "--merge", changed(place, only_time)]) == 0
    run = rows(place / "here")["android", "gpu", NAME]
    assert (run["status"], run["latency_status"]) == ("not_run", "measured")


def test_only_phones_are_exported_and_one_at_a_time(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["report", "here", "--export", "x.json"]) == 2
    assert "nothing that was measured on an attached phone" in capsys.readouterr().err
    report = place / "there" / "report.json"
    document = json.loads(report.read_text())
    document["artifacts"][0]["runs"][0]["machine"] = "another"
    report.write_text(json.dumps(document))
    assert run_command(["report", "there", "--export", "x.json"]) == 2
    assert "a result is of one machine" in capsys.readouterr().err
    assert run_command(["report", "there", "--export", "x.json", "--merge", "phone.json"]) == 2
    assert not (place / "x.json").exists()


def test_counts_are_those_of_the_answers(place: Path) -> None:
    result = json.loads((place / "phone.json").read_text())
    run = rows(place / "there")["android", "cpu", NAME]
    pooled = sum(np.array(item["confusion"]) for item in result["runs"][0]["pictures"])
    hits, union = np.diagonal(pooled), pooled.sum(0) + pooled.sum(1) - np.diagonal(pooled)
    assert list(run["per_class_iou"].values()) == pytest.approx(list(hits / union))
