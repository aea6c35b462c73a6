"""Whole runs: reference, artifacts in every runtime, verdicts."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import Artifact
from tests.validation.tiny_network import MemoryDataset, damaged, picture
from validation.errors import ValidationError
from validation.measure import Measurements, Reference, measure_reference, measure_run
from validation.results.run import RunResult, Status
from validation.runners import runners
from validation.runners.base.latency_settings import LatencySettings
from validation.runners.reference import TorchArtifact, TorchRunner
from validation.verdict.gates import Gates
from validation.verdict.judge import VerdictStatus, judge

QUICK = LatencySettings(samples=3, max_warmup=1)


@pytest.fixture(scope="module")
def reference(
    float_artifact: TorchArtifact, dataset: MemoryDataset, tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    path = tmp_path_factory.mktemp("maps") / "reference.npy"
    return measure_reference(TorchRunner(float_artifact), dataset, path, latency=QUICK)


def test_reference_has_the_report_s_keys(reference: Reference) -> None:
    document = json.loads(json.dumps(reference.to_json(), allow_nan=False))
    assert {"runner", "miou", "mean_f1", "per_class_iou", "latency_ms"} <= set(document)
    assert document["runner"] == "torch"
    assert document["latency_ms"]["samples"] == 3
    assert 0 < document["miou"] < 1


@pytest.mark.parametrize(
    ("runner", "name"),
    [
        ("litert", "tflite-float32"),
        ("onnxruntime", "onnx-float32"),
        ("milrun", "coreml-float32"),
        ("tflite-runtime", "tflite-float32"),
        ("litert", "tflite-float32-labels"),
        ("milrun", "coreml-float32-labels"),
    ],
)
def test_float_artifacts_equal_the_reference(
    runner: str,
    name: str,
    artifacts: dict[str, Artifact],
    dataset: MemoryDataset,
    reference: Reference,
    request: pytest.FixtureRequest,
) -> None:
    if runner == "tflite-runtime" and sys.platform == "linux":
        request.getfixturevalue("tflite_runtime")
    run = measure_run(runners()[runner], artifacts[name], Measurements(dataset, reference, QUICK, memory=False))
    if run.status is Status.NOT_RUN:
        assert (runner, sys.platform == "linux") == ("tflite-runtime", False)
        return
    assert (run.status, run.reason, run.images) == (Status.MEASURED, "", 12)
    assert run.pixel_agreement == 1.0
    assert run.delta_miou == 0.0
    assert run.delta_miou_ci95 == (0.0, 0.0)
    assert (run.latency_ms is None) == (runner == "milrun")
    assert run.latency_status is (Status.NOT_RUN if runner == "milrun" else Status.MEASURED)
    assert judge([run], Gates(0.0, 0.0)).status is VerdictStatus.PASS
    assert RunResult.from_json(json.loads(json.dumps(run.to_json(), allow_nan=False))) == run


def test_int8_is_judged_by_its_gates(
    artifacts: dict[str, Artifact], dataset: MemoryDataset, reference: Reference
) -> None:
    run = measure_run(runners()["litert"], artifacts["tflite-int8_static"], Measurements(dataset, reference, QUICK))
    assert run.delta_miou is not None
    assert run.delta_miou != 0
    assert run.peak_memory_bytes is not None
    assert run.worst_class is not None
    assert run.worst_class[1] == min(value for value in run.delta_per_class_iou.values() if value is not None)
    assert len(run.worst_images) == 5
    strict = judge([run], Gates(0.0, 0.0))
    assert strict.status is VerdictStatus.FAIL
    assert judge([run], Gates(1.0, 1.0)).status is VerdictStatus.PASS


@pytest.mark.skipif(sys.platform == "darwin", reason="the framework exists there")
def test_core_ml_off_macos_is_not_run_with_a_reason(
    artifacts: dict[str, Artifact], dataset: MemoryDataset, reference: Reference
) -> None:
    run = measure_run(runners()["coreml"], artifacts["coreml-float32"], Measurements(dataset, reference))
    assert (run.status, run.latency_status, run.threads) == (Status.NOT_RUN, Status.NOT_RUN, None)
    assert "only on macOS" in run.reason
    assert run.to_json()["miou"] is None
    assert judge([run], Gates(1.0, 1.0)).status is VerdictStatus.NOT_RUN


def test_broken_file_is_a_failed_run(
    artifacts: dict[str, Artifact], dataset: MemoryDataset, reference: Reference, tmp_path: Path
) -> None:
    broken = damaged(artifacts["tflite-float32"], tmp_path)
    run = measure_run(runners()["litert"], broken, Measurements(dataset, reference, QUICK))
    assert (run.status, run.latency_status) == (Status.FAILED, Status.FAILED)
    assert "tflite-float32" in run.reason
    assert run.miou is None
    assert run.peak_memory_bytes is None
    assert "tflite-float32" in run.memory_reason
    assert judge([run], Gates(1.0, 1.0)).status is VerdictStatus.FAIL


def test_latency_alone_needs_only_a_picture(artifacts: dict[str, Artifact]) -> None:
    only = Measurements(latency=QUICK, memory=False, picture=picture(0, 50, 70))
    run = measure_run(runners()["litert"], artifacts["tflite-float32"], only, threads=2)
    assert (run.status, run.reason) == (Status.NOT_RUN, "no dataset was given")
    assert run.latency_ms is not None
    assert run.latency_ms.threads == 2
    assert run.memory_reason == "not asked for"
    with pytest.raises(ValidationError, match="latency needs a picture"):
        measure_run(runners()["litert"], artifacts["tflite-float32"], Measurements(memory=False))


def test_without_reference_there_are_scores_and_no_deltas(
    artifacts: dict[str, Artifact], dataset: MemoryDataset
) -> None:
    run = measure_run(runners()["litert"], artifacts["tflite-float32"], Measurements(dataset, latency=None, limit=3))
    assert (run.images, run.delta_miou, run.pixel_agreement) == (3, None, None)
    assert run.miou is not None
    assert run.latency_reason == "not asked for"


def test_planted_faults_show(artifacts: dict[str, Artifact], dataset: MemoryDataset, reference: Reference) -> None:
    """Red and blue swapped, classes in another order: the figures must move."""
    good = artifacts["onnx-float32"]

    class Swapped(runners()["onnxruntime"]):  # type: ignore[misc]
        def _feed(self, image: NDArray[np.uint8]) -> None:
            super()._feed(np.ascontiguousarray(image[..., ::-1]))

    class Turned(runners()["onnxruntime"]):  # type: ignore[misc]
        def _fetch(self) -> NDArray[np.float32]:
            return np.roll(super()._fetch(), 1, axis=1)

    for fault in (Swapped, Turned):
        run = measure_run(fault, good, Measurements(dataset, reference, None, memory=False))
        assert run.delta_miou is not None
        assert run.delta_miou < -0.05
        assert judge([run], Gates(0.02, 0.05)).status is VerdictStatus.FAIL


def test_progress_is_told(artifacts: dict[str, Artifact], dataset: MemoryDataset, reference: Reference) -> None:
    seen: list[int] = []
    tell: Callable[[int, int], None] = lambda done, total: seen.append(done)  # noqa: E731
    what = Measurements(dataset, reference, None, memory=False)
    measure_run(runners()["onnxruntime"], artifacts["onnx-float32"], what, progress=tell)
    assert seen == list(range(1, 13))


def test_two_runners_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from validation.runners import onnxruntime
    from validation.runners.litert import runner as litert

    monkeypatch.setattr(onnxruntime, "RUNNER", litert.RUNNER)
    runners.cache_clear()
    try:
        with pytest.raises(ValidationError, match="two runners are named 'litert'"):
            runners()
    finally:
        monkeypatch.undo()
        runners.cache_clear()
    assert {"litert", "onnxruntime", "tflite-runtime", "coreml", "milrun", "torch"} <= set(runners())


def test_module_in_memory_has_no_place_on_disk(float_artifact: TorchArtifact) -> None:
    plain = Artifact(**{field.name: getattr(float_artifact, field.name) for field in dataclasses.fields(Artifact)})
    with pytest.raises(ValidationError, match="torch_artifact"):
        TorchRunner(plain)


HEAVY = {
    "torch",
    "tensorflow",
    "coremltools",
    "onnx",
    "onnxruntime",
    "ai_edge_litert",
    "matplotlib",
    "scipy",
    "sklearn",
}


@pytest.mark.parametrize("statement", ["import validation", "from validation.runners import runners; runners()"])
def test_importing_brings_nothing_heavy(statement: str) -> None:
    script = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = set(subprocess.check_output([sys.executable, "-c", script], text=True).split())
    assert not loaded & HEAVY


def test_every_public_name_is_there() -> None:
    import validation

    for name in validation.__all__:
        assert getattr(validation, name) is not None
    with pytest.raises(AttributeError):
        _ = validation.nothing  # type: ignore[attr-defined]
