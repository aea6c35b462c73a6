"""Verdicts and the entries of report.json."""

from __future__ import annotations

import dataclasses
import json

import pytest

from quantization import recipes
from validation.errors import ValidationError
from validation.results.run import RunResult, Status
from validation.verdict.gates import Gates
from validation.verdict.judge import VerdictStatus, judge

GATES = Gates(miou_drop=0.01, class_drop=0.05)


def measured(**changes: object) -> RunResult:
    """A run that keeps every gate."""
    run = RunResult(
        runner="litert",
        backend="xnnpack",
        threads=2,
        status=Status.MEASURED,
        images=60,
        evaluated_at=(8, 12),
        miou=0.7,
        mean_f1=0.8,
        per_class_iou={"sky": 0.9, "left_brow": 0.5, "hat": None},
        delta_miou=-0.005,
        delta_per_class_iou={"sky": 0.01, "left_brow": -0.02, "hat": None},
        delta_miou_ci95=(-0.008, -0.002),
        delta_per_class_iou_ci95={"sky": (0.0, 0.02), "left_brow": None, "hat": None},
        pixel_agreement=0.99,
        class_flips=((5, 1), (0, 4)),
    )
    return dataclasses.replace(run, **changes)


def test_small_losses_pass_and_the_reason_gives_the_figures() -> None:
    verdict = judge([measured()], GATES)
    assert verdict.status is VerdictStatus.PASS
    assert verdict.reasons == (
        "litert (xnnpack): mean IoU lost 0.50 points (limit 1.00 points), "
        "worst class left_brow lost 2.00 points (limit 5.00 points)",
    )


def test_loss_of_mean_iou_fails() -> None:
    verdict = judge([measured(), measured(runner="milrun", backend="cpu", miou=0.65, delta_miou=-0.05)], GATES)
    assert verdict.status is VerdictStatus.FAIL
    assert verdict.reasons == ("milrun (cpu): mean IoU lost 5.00 points (IoU 0.7000 to 0.6500), limit 1.00 points",)


def test_loss_of_one_class_fails_and_names_it() -> None:
    deltas = {"sky": 0.06, "left_brow": -0.0823, "hat": None}
    verdict = judge([measured(delta_per_class_iou=deltas)], GATES)
    assert verdict.status is VerdictStatus.FAIL
    assert "left_brow lost 8.23 points (IoU 0.5823 to 0.5000), limit 5.00 points" in verdict.reasons[0]


def test_a_loss_just_beyond_the_limit_does_not_read_like_the_limit() -> None:
    verdict = judge([measured(delta_miou=-0.010004)], GATES)
    assert "mean IoU lost 1.0004 points" in verdict.reasons[0]


def test_no_loss_is_said_in_words_and_never_as_minus_zero() -> None:
    deltas = {"sky": 0.01, "left_brow": -0.00004, "hat": None}
    verdict = judge([measured(delta_miou=-0.00001, delta_per_class_iou=deltas)], GATES)
    assert verdict.reasons[0].startswith(
        "litert (xnnpack): mean IoU lost nothing (limit 1.00 points), worst class left_brow"
    )
    assert "-0" not in verdict.reasons[0]
    assert "mean IoU gained 0.30 points" in judge([measured(delta_miou=0.003)], GATES).reasons[0]


def test_every_reason_says_what_it_is_about_and_how_it_ended() -> None:
    absent = measured(runner="coreml", backend="all", status=Status.NOT_RUN, reason="only on macOS", delta_miou=None)
    document = judge([measured(miou=0.6, delta_miou=-0.1), absent], GATES).to_json()
    assert document["details"] == [
        {"about": "mean IoU in litert (xnnpack)", "outcome": "fail"},
        {"about": "coreml (all)", "outcome": "not_run"},
    ]
    assert len(document["reasons"]) == 2


def test_exactly_the_limit_is_allowed() -> None:
    deltas = {"sky": 0.0, "left_brow": -0.05, "hat": None}
    assert judge([measured(delta_miou=-0.01, delta_per_class_iou=deltas)], GATES).status is VerdictStatus.PASS


def test_lost_class_fails_even_within_the_class_limit() -> None:
    run = measured(
        per_class_iou={"sky": 0.9, "left_brow": 0.0, "hat": None},
        delta_per_class_iou={"sky": 0.0, "left_brow": -0.04, "hat": None},
        lost_classes=("left_brow",),
    )
    verdict = judge([run], GATES)
    assert verdict.status is VerdictStatus.FAIL
    assert verdict.reasons == ("litert (xnnpack): class left_brow is lost (IoU 0.0400 to 0)",)
    lenient = dataclasses.replace(GATES, lost_class_floor=0.05)
    assert judge([run], lenient).status is VerdictStatus.PASS


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "no runtime was asked"),
        ([measured(status=Status.NOT_RUN, reason="only on macOS", delta_miou=None)], "was not run: only on macOS"),
        ([measured(delta_miou=None, miou=None)], "nothing to compare"),
    ],
)
def test_absence_of_evidence_is_never_a_pass(runs: list[RunResult], words: str) -> None:
    verdict = judge(runs, GATES)
    assert verdict.status is VerdictStatus.NOT_RUN
    assert words in verdict.reasons[0]


def test_failing_runtime_fails_the_artifact() -> None:
    broken = measured(runner="tflite-runtime", backend="cpu", status=Status.FAILED, reason="op 99 is unknown")
    verdict = judge([measured(), broken], GATES)
    assert verdict.status is VerdictStatus.FAIL
    assert verdict.reasons == ("tflite-runtime (cpu) failed: op 99 is unknown",)


def test_run_on_two_pictures_does_not_judge_a_loss() -> None:
    few = measured(backend="reference", images=2, delta_miou=-0.2)
    verdict = judge([measured(), few], GATES)
    assert verdict.status is VerdictStatus.PASS
    assert verdict.reasons[1] == "litert (reference) saw only 2 of 60 pictures and was not judged by them"
    assert judge([few], GATES).status is VerdictStatus.FAIL


def test_missing_runtime_beside_a_good_one_is_mentioned() -> None:
    absent = measured(runner="coreml", backend="all", status=Status.NOT_RUN, reason="only on macOS", delta_miou=None)
    verdict = judge([absent, measured()], GATES)
    assert verdict.status is VerdictStatus.PASS
    assert verdict.reasons[1] == "coreml (all) was not run: only on macOS"
    assert verdict.to_json()["status"] == "pass"


def test_gates_come_from_recipes_and_give_way_to_the_user() -> None:
    for recipe in recipes().values():
        gates = Gates.of(recipe.limits)
        assert (gates.miou_drop, gates.class_drop) == (recipe.limits.miou_drop, recipe.limits.class_drop)
    limits = next(iter(recipes().values())).limits
    changed = Gates.of(limits, miou_drop=0.3, class_drop=0.0)
    assert (changed.miou_drop, changed.class_drop) == (0.3, 0.0)
    with pytest.raises(ValidationError, match="class_drop is 3"):
        Gates.of(limits, class_drop=3)


@pytest.mark.parametrize(
    "run",
    [measured(), RunResult("coreml", "all", None, Status.NOT_RUN, "only on macOS")],
    ids=["measured", "not run"],
)
def test_run_survives_json(run: RunResult) -> None:
    document = json.loads(json.dumps(run.to_json(), allow_nan=False))
    assert RunResult.from_json(document) == run
    assert RunResult.from_json({**document, "added_later": 1}) == run


def test_run_has_the_report_s_keys() -> None:
    fixed = {
        "runner",
        "backend",
        "threads",
        "status",
        "reason",
        "miou",
        "mean_f1",
        "per_class_iou",
        "delta_miou",
        "delta_per_class_iou",
        "delta_miou_ci95",
        "pixel_agreement",
        "latency_ms",
        "peak_memory_bytes",
    }
    document = measured().to_json()
    assert fixed <= set(document)
    assert document["status"] == "measured"
    assert document["latency_ms"] is None
    assert document["delta_miou_ci95"] == [-0.008, -0.002]
    assert document["per_class_iou"]["hat"] is None


@pytest.mark.parametrize("broken", [{}, {"runner": "x"}, {**measured().to_json(), "status": "great"}])
def test_what_is_no_run_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="not a run of a report"):
        RunResult.from_json(broken)


def test_gates_on_the_bound_ask_for_pictures_enough_to_show_it() -> None:
    gates = dataclasses.replace(GATES, on_bound=True)
    kept = measured(delta_per_class_iou_ci95={"sky": (0.0, 0.02), "left_brow": (-0.04, 0.0), "hat": None})
    assert judge([kept], gates).status is VerdictStatus.PASS
    wide = dataclasses.replace(kept, delta_miou_ci95=(-0.013, 0.004))
    assert judge([wide], GATES).status is VerdictStatus.PASS
    verdict = judge([wide], gates)
    assert verdict.status is VerdictStatus.FAIL
    assert verdict.reasons == (
        "litert (xnnpack): mean IoU may have lost 1.30 points (bound of the 95 % interval), limit 1.00 points",
    )
    unsure = dataclasses.replace(
        kept, delta_per_class_iou_ci95={"sky": (0.0, 0.02), "left_brow": (-0.08, 0.04), "hat": None}
    )
    assert "left_brow may have lost 8.00 points" in judge([unsure], gates).reasons[0]
    assert judge([measured()], gates).reasons == (
        "litert (xnnpack): left_brow may have lost any amount: one picture gives no interval",
    )
