"""Judge an artifact: may it be used? Decides from its runs, its gates, what quantizing gained, and failed checks.

`gates` holds the limits, `wording` the sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from validation.results.naming import title_of
from validation.results.run import Status
from validation.verdict import wording
from validation.verdict.gates import Gates
from validation.verdict.judged_run import JudgedRun


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
        """Give the report's `verdict`."""
        details = [{"about": item.about, "outcome": item.outcome.value} for item in self.details]
        return {"status": self.status.value, "reasons": list(self.reasons), "details": details}


ABOUT_SCORE = "score of the float network"
"""What a reason is about that speaks of the reference and not of the artifact."""


class FailedCheck(Protocol):
    """What a verdict takes over from a check that failed."""

    @property
    def name(self) -> str: ...
    @property
    def message(self) -> str: ...


def judge(
    runs: Sequence[JudgedRun],
    gates: Gates,
    gains: Sequence[Reason] = (),
    failed_checks: Sequence[FailedCheck] = (),
    meaningless: Sequence[str] = (),
) -> Verdict:
    """Judge one artifact by everything that is known of it.

    Runs that saw the most pictures are held against the gates. A run on fewer (slow reference kernels) is too small a
    sample to judge a loss by; only its failing counts. One runtime that fails, one broken gate, one gain that fails or
    one failed check is a fail.

    Args:
        runs: of this artifact, here and on other machines.
        gates: its limits.
        gains: what quantizing gained, see `payoff`.
        failed_checks: those of this artifact; their reasons stand first.
        meaningless: why the float network's score shows nothing; nothing passes by keeping such a score.
    """
    accuracy = _by_accuracy(runs, gates)
    checks = [
        Reason(f"check {item.name}", VerdictStatus.FAIL, wording.check_failed(item.name, item.message))
        for item in failed_checks
    ]
    failing = [reason for reason in gains if reason.outcome is VerdictStatus.FAIL]
    others = [reason for reason in gains if reason.outcome is not VerdictStatus.FAIL]
    status = VerdictStatus.FAIL if checks or failing else accuracy.status
    empty = [Reason(ABOUT_SCORE, VerdictStatus.NOT_RUN, wording.means_nothing(why)) for why in meaningless]
    if empty and status is VerdictStatus.PASS:
        status = VerdictStatus.NOT_RUN
    return Verdict(status, (*checks, *failing, *empty, *accuracy.details, *others))


def _by_accuracy(runs: Sequence[JudgedRun], gates: Gates) -> Verdict:
    failures = [
        Reason(title_of(run), VerdictStatus.FAIL, wording.run_failed(run))
        for run in runs
        if run.status == Status.FAILED
    ]
    without_labels = [_by_agreement(run, gates.agreement) for run in runs if _unlabelled(run, gates)]
    measured = [run for run in runs if run.status == Status.MEASURED and run.delta_miou is not None]
    most = max((run.images or 0 for run in measured), default=0)
    judged = [run for run in measured if (run.images or 0) == most]
    skipped = _skipped([run for run in runs if not _unlabelled(run, gates)], most)
    broken = [reason for run in judged for reason in _broken_gates(run, gates)]
    broken += [reason for reason in without_labels if reason.outcome is VerdictStatus.FAIL]
    if failures or broken:
        return Verdict(VerdictStatus.FAIL, (*broken, *failures, *skipped))
    if without_labels:
        return Verdict(VerdictStatus.PASS, (*without_labels, *skipped))
    if not judged:
        nobody = Reason("accuracy", VerdictStatus.NOT_RUN, wording.NOBODY_ASKED)
        return Verdict(VerdictStatus.NOT_RUN, tuple(skipped) or (nobody,))
    kept = [Reason(f"mean IoU in {title_of(run)}", VerdictStatus.PASS, wording.kept(run, gates)) for run in judged]
    return Verdict(VerdictStatus.PASS, (*kept, *skipped))


def _unlabelled(run: JudgedRun, gates: Gates) -> bool:
    """Tell whether a run can only be judged by its agreement with the reference, and is."""
    judged = run.status == Status.MEASURED and run.delta_miou is None and run.pixel_agreement is not None
    return judged and gates.agreement is not None


def _by_agreement(run: JudgedRun, limit: float | None) -> Reason:
    found = run.pixel_agreement or 0.0
    outcome = VerdictStatus.PASS if limit is None or found >= limit else VerdictStatus.FAIL
    return Reason(f"agreement in {title_of(run)}", outcome, wording.agreed(run, found, limit or 0.0))


def _skipped(runs: Sequence[JudgedRun], most: int) -> list[Reason]:
    """List the runs that say nothing about the artifact, and why."""
    measured = [run for run in runs if run.status == Status.MEASURED]
    sentences = [(run, wording.not_run(run)) for run in runs if run.status == Status.NOT_RUN]
    sentences += [(run, wording.nothing_to_compare(run)) for run in measured if run.delta_miou is None]
    sentences += [
        (run, wording.too_few_pictures(run, most))
        for run in measured
        if run.delta_miou is not None and (run.images or 0) < most
    ]
    return [Reason(title_of(run), VerdictStatus.NOT_RUN, sentence) for run, sentence in sentences]


def _broken_gates(run: JudgedRun, gates: Gates) -> list[Reason]:
    """List every limit that a run does not keep: mean IoU first, then the classes, then bounds of intervals."""
    reasons = []

    def broken(about: str, sentence: str) -> None:
        reasons.append(Reason(f"{about} in {title_of(run)}", VerdictStatus.FAIL, f"{title_of(run)}: {sentence}"))

    delta = run.delta_miou
    if delta is not None and run.miou is not None and -delta > gates.miou_drop:
        broken("mean IoU", wording.lost_too_much("mean IoU", run.miou, delta, gates.miou_drop))
    for name, change in run.delta_per_class_iou.items():
        now = run.per_class_iou[name]
        if change is None or now is None:
            continue
        before = now - change
        if name in run.lost_classes and before >= gates.lost_class_floor:
            broken(f"IoU of {name}", wording.class_lost(name, before))
        elif -change > gates.class_drop:
            broken(f"IoU of {name}", wording.lost_too_much(name, now, change, gates.class_drop))
        elif gates.on_bound:
            for sentence in _beyond(name, run.delta_per_class_iou_ci95.get(name), gates.class_drop):
                broken(f"IoU of {name}", sentence)
    if gates.on_bound and delta is not None and -delta <= gates.miou_drop:
        for sentence in _beyond("mean IoU", run.delta_miou_ci95, gates.miou_drop):
            broken("mean IoU", sentence)
    return reasons


def _beyond(what: str, interval: tuple[float, float] | None, limit: float) -> list[str]:
    """Give a sentence if the pictures do not show that a loss stays within its limit."""
    if interval is not None and -interval[0] <= limit:
        return []
    return [wording.may_have_lost_too_much(what, None if interval is None else interval[0], limit)]
