"""A report's verdicts with what quantizing gained: a function of its runs, whatever stood there before."""

from __future__ import annotations

from typing import Any

from tests.toolkit.report.sample import sample
from toolkit.document.outcome import status_of
from toolkit.document.schema import check
from toolkit.document.verdicts import judged
from toolkit.errors import ExitStatus

LIMITS = {"miou_drop": 1.0, "class_drop": 1.0, "on_bound": False, "agreement": None}


def report(size: int, p50: float) -> dict[str, Any]:
    """float32 and int8_static of one format in one runtime, judged by generous limits."""
    document = sample()
    found = {item["recipe"]: item for item in document["artifacts"] if item["format"] == "tflite"}
    pair = [found["float32"], found["int8_static"]]
    for artifact, time in zip(pair, (100.0, p50), strict=True):
        timed = next(run for run in artifact["runs"] if run["latency_ms"])
        timed["latency_ms"] |= {
            "p50": time,
            "iqr": 1.0,
            "samples": 100,
            "warning": "",
            "group": 1,
            "stable": True,
            "threads": 2,
            "other_load": 0.0,
        }
        artifact |= {"runs": [timed], "limits": LIMITS, "verdict": {"status": "pass", "reasons": []}}
    pair[1]["size_bytes"] = size
    return {**document, "artifacts": pair, "checks": []}


def finished(document: dict[str, Any]) -> dict[str, Any]:
    """The report with its verdicts."""
    return judged(check(document)).to_json()


def quantized(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["artifacts"][1]["verdict"]
    return found


def test_an_artifact_that_gains_nothing_fails_the_run_and_stays_so() -> None:
    before = report(10**9, 200.0)
    once = finished(before)
    assert quantized(once)["status"] == "fail"
    assert "neither smaller" in quantized(once)["reasons"][0]
    assert status_of(check(once)) is ExitStatus.GATE_FAILED
    assert finished(once) == once
    plain = once["artifacts"][0]
    assert plain["verdict"]["status"] == "pass"
    assert plain == {**before["artifacts"][0], "verdict": plain["verdict"]}


def test_a_later_measurement_lifts_the_verdict() -> None:
    failed = finished(report(10**9, 200.0))
    failed["artifacts"][1]["runs"] = report(10**9, 40.0)["artifacts"][1]["runs"]
    lifted = finished(failed)
    assert quantized(lifted)["status"] == "pass"
    assert not [reason for reason in quantized(lifted)["reasons"] if "smaller" in reason]


def test_smaller_but_slower_passes_with_a_sentence() -> None:
    found = finished(report(1000, 270.0))
    assert quantized(found)["status"] == "pass"
    assert "but slower than float, 270 ms against 100 ms of tflite-float32" in quantized(found)["reasons"][-1]
    assert status_of(check(found)) is ExitStatus.PASS
