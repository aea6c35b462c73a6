"""Bundles: what is inside, that bytes repeat, and the stand-alone script with milrun in the framework's place."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from converters import content_hash
from tests.toolkit.devices.bundled_run import SETTINGS, Simulated, finished_run, measured, unpacked
from toolkit.cli import run_command
from toolkit.devices import script as measure
from toolkit.report.content.example_images import png
from validation.accuracy.confusion import confusion_matrix
from validation.milrun import Interpreter
from validation.results.latency import LatencyResult


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, unpacked."""
    return unpacked(run.parent / "bundle.zip", tmp_path_factory.mktemp("unpacked"))


def described(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "bundle.json").read_text())
    return found


def test_holds_packages_script_pictures_and_the_hash_of_each(run: Path, bundle: Path) -> None:
    inside = described(bundle)
    assert [artifact["name"] for artifact in inside["artifacts"]] == ["coreml-float32", "coreml-float16"]
    for artifact in inside["artifacts"]:
        assert content_hash(bundle / artifact["path"]) == artifact["sha256"]
    names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert names == {*inside["files"], "bundle.json"}
    assert {"README.md", "measure.py"} < names
    for name, digest in inside["files"].items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    kept = run / "bundles" / f"{hashlib.sha256((bundle / 'bundle.json').read_bytes()).hexdigest()}.json"
    assert json.loads(kept.read_text()) == inside


def test_pictures_are_the_judging_ones_and_the_reference_is_the_run_s(run: Path, bundle: Path) -> None:
    inside = described(bundle)
    report = json.loads((run / "report.json").read_text())
    assert inside["dataset"] == {key: report["dataset"][key] for key in ("name", "split", "images", "digest")}
    assert len(inside["pictures"]) == 4
    maps = np.load(run / "cache" / "reference.npy")
    pooled = np.zeros((3, 3), dtype=np.int64)
    for picture in inside["pictures"]:
        found = picture["maps"]["32x32"]
        reference = np.asarray(Image.open(bundle / found["reference"]))
        assert (reference == maps[picture["index"]]).all()
        labels = np.asarray(Image.open(bundle / found["labels"]))
        assert found["reference_confusion"] == confusion_matrix(labels, reference, 3).tolist()
        pooled += np.asarray(found["reference_confusion"])
    assert np.trace(pooled) / pooled.sum() == pytest.approx(report["reference"]["pixel_accuracy"])


def test_bytes_repeat_and_nothing_temporary_is_left(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    assert run_command(["bench", "out", "--bundle", "again.zip", "--quiet"]) == 0
    assert (run.parent / "again.zip").read_bytes() == (run.parent / "bundle.zip").read_bytes()
    assert not list(run.parent.glob(".*.tmp"))


def test_fewer_pictures_are_spread_evenly(run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(run.parent)
    small = tmp_path / "small.zip"
    assert run_command(["bench", "out", "--bundle", str(small), "--bundle-pictures", "2", "--quiet"]) == 0
    with zipfile.ZipFile(small) as archive:
        inside = json.loads(archive.read("bundle.json"))
    assert [picture["index"] for picture in inside["pictures"]] == [1, 3]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bundle-pictures", "2"], "--bundle FILE.zip"),
        (["--bundle", "x.zip", "--bundle-pictures", "0"], "leaves none"),
        (["--bundle", "names.txt/x.zip"], "cannot be written"),
    ],
)
def test_bad_requests_end_with_2(
    run: Path, arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run.parent)
    assert run_command(["bench", "out", *arguments, "--quiet"]) == 2
    assert says in capsys.readouterr().err
    assert not (run.parent / "x.zip").exists()


def test_run_without_core_ml_has_nothing_to_pack(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run.parent)
    manifest = json.loads((run / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "artifacts": []}))
    assert run_command(["bench", str(tmp_path), "--bundle", "x.zip", "--quiet"]) == 2
    assert "no Core ML package" in capsys.readouterr().err


def test_script_alone_says_why_nothing_was_measured(bundle: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "measure.py", "--out", str(tmp_path / "result.json"), "--samples", "2"],
        cwd=bundle,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert [run["backend"] for run in result["runs"]] == [*measure.UNITS] * 2
    assert done.returncode == (0 if sys.platform == "darwin" else 3), done.stderr
    if sys.platform != "darwin":
        assert {run["status"] for run in result["runs"]} == {"not_run"}
        assert "only on macOS" in result["runs"][0]["reason"]


def test_script_imports_nothing_of_segport() -> None:
    text = Path(measure.__file__).read_text()
    for package in ("toolkit", "validation", "converters", "quantization", "segdata", "fpliif", "torch"):
        assert f"import {package}" not in text
        assert f"from {package}" not in text


def test_script_refuses_a_damaged_bundle(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    inside = described(bundle)
    (copy / "bundle.json").write_text(json.dumps(inside))
    with pytest.raises(measure.BundleError, match="missing or changed; unzip the bundle again"):
        measure.read_bundle(copy)


def test_measured_figures_and_answers(run: Path, bundle: Path, tmp_path: Path) -> None:
    result = measured(bundle, tmp_path / "result.json", Simulated(refuses=("cpu_and_gpu",)), tuple(measure.UNITS))
    assert result["complete"] is True
    assert len(result["runs"]) == 8
    failed = [item for item in result["runs"] if item["status"] == "failed"]
    assert [(item["backend"], item["reason"]) for item in failed] == [("cpu_and_gpu", "no such unit")] * 2
    report = json.loads((run / "report.json").read_text())
    for found in (item for item in result["runs"] if item["status"] == "measured"):
        latency = LatencyResult.from_json(found["latency_ms"])
        assert (latency.min, latency.max, latency.samples) == (5.0, 6.0, SETTINGS.samples)
        assert latency.p50 == pytest.approx(5.5)
        artifact = next(item for item in report["artifacts"] if item["name"] == found["artifact"])
        assert found["sha256"] == artifact["sha256"]
        milrun = next(item for item in artifact["runs"] if item["runner"] == "milrun")
        pooled = np.sum([picture["confusion"] for picture in found["pictures"]], axis=0)
        assert np.trace(pooled) / pooled.sum() == pytest.approx(milrun["pixel_accuracy"])
        assert found["class_flips"] == milrun["class_flips"]
        assert found["pixel_agreement"] == pytest.approx(milrun["pixel_agreement"])
        assert found["compute_plan"] == [
            {
                "operator": "conv",
                "output": "conv_0",
                "preferred": "neural_engine",
                "supported": ["cpu", "neural_engine"],
                "weight": 0.75,
            },
            {"operator": "relu", "output": "relu_0", "preferred": "cpu", "supported": ["cpu"], "weight": None},
        ]


def test_latency_statistics_of_known_times() -> None:
    times = iter([900, *[10] * 10, *range(1, 101)])
    settings = measure.Settings(samples=100, min_samples=1, max_warmup=50)
    found = measure.measure_latency(lambda: next(times) * 1_000_000, settings, open_ns=2_000_000, load=0.0)
    assert (found["first_run_ms"], found["load_ms"], found["warmup"], found["samples"]) == (900.0, 2.0, 11, 100)
    assert (found["min"], found["max"], found["mean"]) == (1.0, 100.0, 50.5)
    assert (found["p50"], found["p99"]) == (pytest.approx(50.5), pytest.approx(99.01))
    assert found["warning"] == ""


def test_restless_and_busy_machine_is_told() -> None:
    times = iter([2**step * 1_000 for step in range(100)])
    settings = measure.Settings(samples=5, min_samples=5, max_warmup=15)
    found = measure.measure_latency(lambda: next(times), settings, open_ns=1, load=3.0)
    assert not found["stable"]
    assert found["warmup"] == 15
    assert "load was 3.0" in found["warning"]


def test_counts_agree_with_segport_s() -> None:
    random = np.random.default_rng(1)
    truth = random.choice([0, 1, 2, 255], size=(9, 7)).astype(np.uint8)
    answer = random.integers(0, 3, (9, 7)).astype(np.uint8)
    assert (measure.counts(truth, answer, 3) == confusion_matrix(truth, answer, 3)).all()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"other": np.zeros((1, 2, 2, 2))}, "not 'logits'"),
        ({"logits": np.full((1, 2, 2, 2), np.nan)}, "NaN"),
        ({"logits": np.zeros((1, 2, 2, 3))}, "expected logits of shape"),
    ],
)
def test_answers_that_are_none_are_refused(raw: dict[str, Any], says: str) -> None:
    spec = {"name": "logits", "height": 2, "width": 2, "classes": 2, "kind": "logits", "layout": "nchw"}
    with pytest.raises(ValueError, match=says):
        measure.class_map(raw, spec)


def test_package_that_takes_a_tensor_answers_like_the_one_that_takes_a_picture(bundle: Path, tmp_path: Path) -> None:
    inside = described(bundle)
    package = bundle / inside["artifacts"][0]["path"]
    copy = measure.with_tensor_input(package, tmp_path / "tensor.mlpackage")
    pixels = measure.read_pixels(bundle / inside["pictures"][0]["picture"])
    given = measure.model_input(pixels, inside["artifacts"][0]["image"])
    tensors = {name: measure.as_tensor(value) for name, value in given.items()}
    assert next(iter(tensors.values())).shape == (1, 3, 32, 32)
    expected = Interpreter(package).predict(given)
    answer = Interpreter(copy).predict(tensors)
    assert expected.keys() == answer.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(np.asarray(answer[name]), np.asarray(value))


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may have an iPhone attached")
def test_iphone_is_refused_with_a_sentence_off_macos() -> None:
    phone = measure.Phone("", "", "iPhone 0")
    assert "only on macOS" in phone.missing()
    assert phone.machine["name"] == "iPhone 0"


def test_names_that_the_script_uses_exist_in_coremltools() -> None:
    from coremltools.models import compute_plan
    from coremltools.models.ml_program.experimental import async_wrapper, remote_device

    assert callable(compute_plan.MLComputePlan.load_from_path)
    assert callable(remote_device.Device.get_connected_devices)
    assert callable(remote_device.Device.prepare_for_model_debugging)
    assert remote_device.AppSigningCredentials(development_team="T").development_team == "T"
    assert remote_device.DeviceType.IPHONE.value == "iphone"
    for name in (
        "from_spec_or_path",
        "load",
        "predict",
        "retrieve_compute_plan",
        "last_predict_duration_in_nano_seconds",
    ):
        assert hasattr(async_wrapper.MLModelAsyncWrapper, name)


def test_png_is_lossless() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    import io

    assert (np.asarray(Image.open(io.BytesIO(png(pixels)))) == pixels).all()
