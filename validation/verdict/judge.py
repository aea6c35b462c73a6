"""Verdict: may this artifact be used? From its runs and its gates, with a sentence for every reason.

Sentences give IoU in points (hundredths), as all reports do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from validation.results.run import RunResult, Status
from validation.verdict.gates import Gates


class VerdictStatus(StrEnum):
    """`NOT_RUN` when no runtime measured the accuracy: absence of evidence is never a pass."""

    PASS = "pass"
    FAIL = "fail"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Reason:
    """One sentence of a verdict.

    Attributes:
        about: what was looked at, the same words whatever was found: `mean IoU in litert (xnnpack)`.
        outcome: PASS or FAIL if it was judged, NOT_RUN if it could not be.
        sentence: what was found.
    """

    about: str
    outcome: VerdictStatus
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """Of one artifact; those reasons that decided come first."""

    status: VerdictStatus
    details: tuple[Reason, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences alone."""
        return tuple(reason.sentence for reason in self.details)

    def to_json(self) -> dict[str, Any]:
        """The report's `verdict`."""
        details = [{"about": item.about, "outcome": item.outcome.value} for item in self.details]
        return {"status": self.status.value, "reasons": list(self.reasons), "details": details}


def judge(runs: Sequence[RunResult], gates: Gates) -> Verdict:
    """Judge one artifact by all its runs.

    Runs that saw the most pictures are held against the gates; a run on fewer (slow reference kernels) is too small
    a sample to judge a loss by, and only its failing counts. One runtime that fails, or one broken gate, is a fail.
    """
    failures = [
        Reason(run.title, VerdictStatus.FAIL, f"{run.title} failed: {run.reason}")
        for run in runs
        if run.status is Status.FAILED
    ]
    without_labels = [_by_agreement(run, gates.agreement) for run in runs if _unlabelled(run, gates)]
    measured = [run for run in runs if run.status is Status.MEASURED and run.delta_miou is not None]
    most = max((run.images for run in measured), default=0)
    judged = [run for run in measured if run.images == most]
    skipped = _skipped([run for run in runs if not _unlabelled(run, gates)], most)
    broken = [reason for run in judged for reason in _broken_gates(run, gates)]
    broken += [reason for reason in without_labels if reason.outcome is VerdictStatus.FAIL]
    if failures or broken:
        return Verdict(VerdictStatus.FAIL, (*broken, *failures, *skipped))
    if without_labels:
        return Verdict(VerdictStatus.PASS, (*without_labels, *skipped))
    if not judged:
        nobody = Reason("accuracy", VerdictStatus.NOT_RUN, "no runtime was asked to run it")
        return Verdict(VerdictStatus.NOT_RUN, tuple(skipped) or (nobody,))
    return Verdict(VerdictStatus.PASS, (*(_kept(run, gates) for run in judged), *skipped))


def _unlabelled(run: RunResult, gates: Gates) -> bool:
    """True for a run that can only be judged by its agreement with the reference, and is."""
    judged = run.status is Status.MEASURED and run.delta_miou is None and run.pixel_agreement is not None
    return judged and gates.agreement is not None


def _by_agreement(run: RunResult, limit: float | None) -> Reason:
    found = run.pixel_agreement or 0.0
    outcome = VerdictStatus.PASS if limit is None or found >= limit else VerdictStatus.FAIL
    sentence = (
        f"{run.title}: without labels, the same class as the float network at {found:.2%} of the pixels "
        f"(limit {limit or 0.0:.2%})"
    )
    return Reason(f"agreement in {run.title}", outcome, sentence)


def _skipped(runs: Sequence[RunResult], most: int) -> list[Reason]:
    """What says nothing about the artifact, and why."""
    sentences = [(run, f"{run.title} was not run: {run.reason}") for run in runs if run.status is Status.NOT_RUN]
    measured = [run for run in runs if run.status is Status.MEASURED]
    sentences += [
        (run, f"{run.title} has nothing to compare: no reference, or every pixel is ignored")
        for run in measured
        if run.delta_miou is None
    ]
    sentences += [
        (run, f"{run.title} saw only {run.images} of {most} pictures and was not judged by them")
        for run in measured
        if run.delta_miou is not None and run.images < most
    ]
    return [Reason(run.title, VerdictStatus.NOT_RUN, sentence) for run, sentence in sentences]


def _broken_gates(run: RunResult, gates: Gates) -> list[Reason]:
    reasons = []

    def broken(about: str, sentence: str) -> None:
        reasons.append(Reason(f"{about} in {run.title}", VerdictStatus.FAIL, f"{run.title}: {sentence}"))

    delta = run.delta_miou
    if delta is not None and run.miou is not None and -delta > gates.miou_drop:
        broken("mean IoU", _lost("mean IoU", run.miou, delta, gates.miou_drop))
    for name, change in run.delta_per_class_iou.items():
        now = run.per_class_iou[name]
        if change is None or now is None:
            continue
        before = now - change
        if name in run.lost_classes and before >= gates.lost_class_floor:
            broken(f"IoU of {name}", f"class {name} is lost (IoU {before:.4f} to 0)")
        elif -change > gates.class_drop:
            broken(f"IoU of {name}", _lost(name, now, change, gates.class_drop))
        elif gates.on_bound:
            for sentence in _beyond(name, run.delta_per_class_iou_ci95.get(name), gates.class_drop):
                broken(f"IoU of {name}", sentence)
    if gates.on_bound and delta is not None and -delta <= gates.miou_drop:
        for sentence in _beyond("mean IoU", run.delta_miou_ci95, gates.miou_drop):
            broken("mean IoU", sentence)
    return reasons


def _beyond(what: str, interval: tuple[float, float] | None, limit: float) -> list[str]:
    """A sentence if the pictures do not show that a loss stays within its limit."""
    if interval is None:
        return [f"{what} may have lost any amount: one picture gives no interval"]
    if -interval[0] <= limit:
        return []
    return [f"{what} may have lost {_points(-interval[0], limit)} (bound of the 95 % interval), limit {_points(limit)}"]


def _lost(what: str, now: float, change: float, limit: float) -> str:
    return f"{what} lost {_points(-change, limit)} (IoU {now - change:.4f} to {now:.4f}), limit {_points(limit)}"


def _points(fraction: float, beyond: float | None = None) -> str:
    """``0.62 points``; with more digits where two would not show that it lies beyond a limit."""
    for digits in range(2, 9):
        written = f"{fraction * 100:.{digits}f}"
        if beyond is None or float(written) > float(f"{beyond * 100:.{digits}f}"):
            break
    return f"{written} points"


def _kept(run: RunResult, gates: Gates) -> Reason:
    sentence = f"{run.title}: mean IoU {_moved(run.delta_miou or 0.0)} (limit {_points(gates.miou_drop)})"
    if run.worst_class is not None:
        name, change = run.worst_class
        sentence += f", worst class {name} {_moved(change)} (limit {_points(gates.class_drop)})"
    return Reason(f"mean IoU in {run.title}", VerdictStatus.PASS, sentence)


def _moved(change: float) -> str:
    """``lost 0.50 points``, ``gained 0.10 points``, or ``lost nothing`` where two digits show no difference."""
    if float(f"{change * 100:.2f}") == 0:
        return "lost nothing"
    return f"lost {_points(-change)}" if change < 0 else f"gained {_points(change)}"


def with_payoff(verdict: Verdict, reasons: Sequence[Reason]) -> Verdict:
    """The verdict with the reasons of `payoff`; one that fails fails it, and stands first."""
    failing = tuple(reason for reason in reasons if reason.outcome is VerdictStatus.FAIL)
    others = tuple(reason for reason in reasons if reason.outcome is not VerdictStatus.FAIL)
    status = VerdictStatus.FAIL if failing else verdict.status
    return Verdict(status, (*failing, *verdict.details, *others))
