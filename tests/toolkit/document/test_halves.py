"""Halves of a report that were measured at different times, early versions' reports among them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from converters import Artifact, ImageInput, Layout, MapOutput, OutputKind, PixelRange
from tests.toolkit.report.sample import sample
from toolkit.document.entries import run_entry
from toolkit.document.halves import earlier_runs, joined
from toolkit.document.run_shape import Run
from toolkit.document.schema import check
from validation.errors import ValidationError
from validation.results.latency import LatencyResult
from validation.results.run import Accuracy, RunResult, Setting, Status, Timing
from validation.verdict.gates import Gates

LATENCY = LatencyResult(
    p50=3.0,
    p90=4.0,
    p95=5.0,
    p99=6.0,
    mean=3.5,
    min=2.0,
    max=7.0,
    samples=10,
    warmup=2,
    stable=True,
    threads=2,
    load_ms=1.0,
    first_run_ms=3.0,
    other_load=0.0,
    warning="",
)
OLD = RunResult.of(
    Setting("litert", "xnnpack", 2), Accuracy(Status.MEASURED, images=4, miou=0.5), Timing(Status.MEASURED, "", LATENCY)
)
NEW = RunResult("litert", "xnnpack", 2, Status.NOT_RUN, "not asked for")


def file_of(entry: dict[str, Any]) -> Artifact:
    return Artifact(
        name=entry["name"],
        format="tflite",
        recipe=entry["recipe"],
        path=Path("none.tflite"),
        sha256=entry["sha256"],
        size_bytes=1,
        key="0",
        classes=("a", "b"),
        image=ImageInput("image", 16, 24, PixelRange.UNIT, Layout.NHWC),
        output=MapOutput("logits", 16, 24, 2, OutputKind.LOGITS, Layout.NHWC),
    )


def with_run(run: Run | dict[str, Any]) -> dict[str, Any]:
    """The sample with one artifact, which has this run."""
    document = copy.deepcopy(sample())
    entry = document["artifacts"][0] | {"runs": [run if isinstance(run, dict) else run.to_json()]}
    return document | {"artifacts": [entry]}


def test_a_result_comes_back_from_its_report_half_by_half() -> None:
    document = with_run(run_entry(OLD, Gates(0.01, 0.05)))
    files = [file_of(document["artifacts"][0])]
    name = files[0].name
    accuracy = joined({name: (NEW,)}, earlier_runs(check(document), files, "accuracy"), "accuracy")
    assert accuracy == {name: (NEW.with_accuracy(OLD),)}
    assert accuracy[name][0].latency_ms is None
    timing = joined({name: (NEW,)}, earlier_runs(check(document), files, "timing"), "timing")
    assert timing == {name: (NEW.with_timing(OLD),)}
    assert timing[name][0].status is Status.NOT_RUN


def test_an_early_report_gives_its_accuracy_though_its_times_lack_keys() -> None:
    document = copy.deepcopy(sample())
    files = [file_of(entry) for entry in document["artifacts"]]
    found = earlier_runs(check(document), files, "accuracy")
    runs = [(entry["name"], run) for entry in document["artifacts"] for run in entry["runs"]]
    assert len(found) == len(runs) > 3
    for name, run in runs:
        assert found[name, run["runner"], run["backend"], None].per_class_iou == run["per_class_iou"]
    with pytest.raises(ValidationError, match="run `segport bench` again"):
        earlier_runs(check(document), files, "timing")


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["artifacts"][0].update(sha256="0" * 64),
        lambda document: document["artifacts"][0]["runs"][0].update(backend="reference"),
        lambda document: document["artifacts"][0]["runs"][0].update(signature="size_8x8"),
        lambda document: document["artifacts"][0]["runs"][0].update(measured_at="2026-01-02T03:04:05+00:00"),
        lambda document: document["artifacts"][0]["runs"][0].update(threads=4),
    ],
)
def test_what_was_measured_of_something_else_stays_out(change: Callable[[dict[str, Any]], None]) -> None:
    document = with_run(run_entry(OLD, None))
    files = [file_of(document["artifacts"][0])]
    change(document)
    results = {files[0].name: (NEW,)}
    assert joined(results, earlier_runs(check(document), files, "timing"), "timing") == results


def test_an_entry_holds_all_of_a_result_and_says_what_its_interval_allows() -> None:
    result = OLD.with_accuracy(
        Accuracy(
            Status.MEASURED,
            images=4,
            miou=0.5,
            per_class_iou={"a": 0.5},
            delta_miou=-0.1,
            delta_per_class_iou={"a": -0.1},
            delta_miou_ci95=(-0.2, -0.05),
            delta_per_class_iou_ci95={"a": (-0.3, 0.1)},
        )
    )
    entry = run_entry(result, Gates(0.01, 0.05))
    document = entry.to_json()
    assert RunResult.from_json(document) == result
    assert {key: document[key] for key in result.to_json()} == result.to_json()
    assert (document["finding"], document["finding_per_class"]) == ("worse", {"a": "too few images to tell"})
    assert document["worst_class"] == {"name": "a", "delta": -0.1}
    assert "measured_at" not in document and "versions" not in document
    assert "finding" not in run_entry(result, None).to_json()
