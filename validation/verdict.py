"""Verdict: may this artifact be used? From its runs and its gates, with a sentence for every reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from validation.gates import Gates
from validation.result import RunResult, Status


class VerdictStatus(StrEnum):
    """`NOT_RUN` when no runtime measured the accuracy: absence of evidence is never a pass."""

    PASS = "pass"
    FAIL = "fail"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Verdict:
    """Of one artifact; every reason is a sentence for people, those that decided first."""

    status: VerdictStatus
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The report's `verdict`."""
        return {"status": self.status.value, "reasons": list(self.reasons)}


def judge(runs: Sequence[RunResult], gates: Gates) -> Verdict:
    """Judge one artifact by all its runs.

    Runs that saw the most pictures are held against the gates; a run on fewer (slow reference kernels) is too small
    a sample to judge a loss by, and only its failing counts. One runtime that fails, or one broken gate, is a fail.
    """
    failures = [f"{run.title} failed: {run.reason}" for run in runs if run.status is Status.FAILED]
    skipped = [f"{run.title} was not run: {run.reason}" for run in runs if run.status is Status.NOT_RUN]
    measured = [run for run in runs if run.status is Status.MEASURED and run.delta_miou is not None]
    skipped += [
        f"{run.title} has nothing to compare: no reference, or every pixel is ignored"
        for run in runs
        if run.status is Status.MEASURED and run.delta_miou is None
    ]
    most = max((run.images for run in measured), default=0)
    judged = [run for run in measured if run.images == most]
    skipped += [
        f"{run.title} saw only {run.images} of {most} pictures and was not judged by them"
        for run in measured
        if run.images < most
    ]
    broken = [reason for run in judged for reason in _broken_gates(run, gates)]
    if failures or broken:
        return Verdict(VerdictStatus.FAIL, (*broken, *failures, *skipped))
    if not judged:
        return Verdict(VerdictStatus.NOT_RUN, tuple(skipped) or ("no runtime was asked to run it",))
    return Verdict(VerdictStatus.PASS, (*(_kept(run, gates) for run in judged), *skipped))


def _broken_gates(run: RunResult, gates: Gates) -> list[str]:
    reasons = []
    delta = run.delta_miou
    if delta is not None and run.miou is not None and -delta > gates.miou_drop:
        reasons.append(
            f"{run.title}: mean IoU fell by {-delta:.4f} ({run.miou - delta:.4f} to {run.miou:.4f}), "
            f"more than the allowed {gates.miou_drop:.4f}"
        )
    for name, change in run.delta_per_class_iou.items():
        now = run.per_class_iou[name]
        if change is None or now is None:
            continue
        before = now - change
        if name in run.lost_classes and before >= gates.lost_class_floor:
            reasons.append(f"{run.title}: class {name} is lost (IoU {before:.4f} to 0)")
        elif -change > gates.class_drop:
            reasons.append(
                f"{run.title}: IoU of {name} fell by {-change:.4f} ({before:.4f} to {now:.4f}), "
                f"more than the allowed {gates.class_drop:.4f}"
            )
    return reasons


def _kept(run: RunResult, gates: Gates) -> str:
    sentence = f"{run.title}: mean IoU changed by {run.delta_miou:+.4f} (may fall by {gates.miou_drop:.4f})"
    if run.worst_class is None:
        return sentence
    name, change = run.worst_class
    return f"{sentence}, worst class {name} by {change:+.4f} (may fall by {gates.class_drop:.4f})"
