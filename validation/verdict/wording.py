"""Write the sentences of a verdict. IoU is given in points (hundredths), as in all reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from validation.results.naming import title_of
from validation.results.run import worst_of
from validation.verdict.gates import Gates
from validation.verdict.judged_run import JudgedRun

KINDS_SHOWN = 6
"""Kinds of operations that a sentence names at most."""

NOBODY_ASKED = "no runtime was asked to run it"


def run_failed(run: JudgedRun) -> str:
    """Say that a runtime broke, and how."""
    return f"{title_of(run)} failed: {run.reason}"


def not_run(run: JudgedRun) -> str:
    """Say why a runtime was not asked."""
    return f"{title_of(run)} was not run: {run.reason}"


def nothing_to_compare(run: JudgedRun) -> str:
    """Say that a run has no change against the reference."""
    return f"{title_of(run)} has nothing to compare: no reference, or every pixel is ignored"


def too_few_pictures(run: JudgedRun, most: int) -> str:
    """Say that a run saw fewer pictures than another, so that its losses are not judged."""
    return f"{title_of(run)} saw only {run.images} of {most} pictures and was not judged by them"


def agreed(run: JudgedRun, share: float, limit: float) -> str:
    """Say at how many pixels a run without labels gives the reference's class."""
    return (
        f"{title_of(run)}: without labels, the same class as the float network at {share:.2%} of the pixels "
        f"(limit {limit:.2%})"
    )


def kept(run: JudgedRun, gates: Gates) -> str:
    """Say that a run keeps its limits, with the figures."""
    sentence = f"{title_of(run)}: mean IoU {_moved(run.delta_miou or 0.0)} (limit {points(gates.miou_drop)})"
    worst = worst_of(run.delta_per_class_iou)
    if worst is not None:
        sentence += f", worst class {worst.name} {_moved(worst.delta)} (limit {points(gates.class_drop)})"
    return sentence


def lost_too_much(what: str, now: float, change: float, limit: float) -> str:
    """Say that a measured loss is beyond its limit."""
    return f"{what} lost {points(-change, limit)} (IoU {now - change:.4f} to {now:.4f}), limit {points(limit)}"


def class_lost(name: str, before: float) -> str:
    """Say that a class which the reference finds is never found."""
    return f"class {name} is lost (IoU {before:.4f} to 0)"


def may_have_lost_too_much(what: str, bound: float | None, limit: float) -> str:
    """Say that the 95 % interval reaches beyond a limit; `bound` is its worse end, None where there is no interval."""
    if bound is None:
        return f"{what} may have lost any amount: one picture gives no interval"
    return f"{what} may have lost {points(-bound, limit)} (bound of the 95 % interval), limit {points(limit)}"


@dataclass(frozen=True)
class GainFacts:
    """What a sentence on a gain is made of.

    Attributes:
        size: of the quantized file, as a share of the float one's bytes.
        quantized_ms, float_ms: medians of both in the same runtime.
        float_name: of the float artifact.
    """

    size: float
    quantized_ms: float
    float_ms: float
    float_name: str

    @property
    def bytes(self) -> str:
        """Write the sizes' ratio."""
        return f"{self.size:.2f} of its bytes"

    @property
    def times(self) -> str:
        """Write both medians."""
        return f"{self.quantized_ms:.4g} ms against {self.float_ms:.4g} ms of {self.float_name}"


def slower(run: JudgedRun, facts: GainFacts) -> str:
    """Say that a quantized file is smaller, but not faster."""
    said = f"{title_of(run)}: smaller ({facts.bytes}) but slower than float, {facts.times}"
    return f"{said}; {slow_kernels(run.runner, run.undelegated)}"


def too_noisy(run: JudgedRun, facts: GainFacts) -> str:
    """Say that nobody can tell whether a quantized file that is no smaller is faster."""
    said = f"{title_of(run)}: not smaller ({facts.bytes}), and times too noisy to tell whether it is faster"
    return f"{said}, {facts.times}; run `segport bench` on a quiet machine"


def gains_nothing(run: JudgedRun, facts: GainFacts) -> str:
    """Say that a quantized file is neither smaller nor faster."""
    said = f"{title_of(run)}: neither smaller ({facts.bytes}) nor faster than float, {facts.times}"
    return f"{said}; {slow_kernels(run.runner, run.undelegated)}; use the float artifact or another recipe"


def check_failed(name: str, message: str) -> str:
    """Say which check of an artifact failed, and what it found."""
    return f"check {name}: {message}"


def means_nothing(why: str) -> str:
    """Say why the float network's own score shows nothing."""
    return f"the score means nothing: {why}"


def slow_kernels(runner: str, undelegated: Mapping[str, int] | None) -> str:
    """Say which operations of a quantized artifact no delegate took."""
    if undelegated is None:
        return "the runtime does not tell which operations run on slow kernels"
    if not undelegated:
        return "the delegate took every operation, so its integer kernels themselves are no faster here"
    shown = [f"{kind} x{count}" for kind, count in list(undelegated.items())[:KINDS_SHOWN]]
    more = len(undelegated) - len(shown)
    taker = "GPU or Neural Engine" if runner == "coreml" else "XNNPACK"
    return f"not taken by {taker}, on slow kernels: {', '.join(shown)}{f' and {more} more kinds' if more > 0 else ''}"


def points(fraction: float, beyond: float | None = None) -> str:
    """Write ``0.62 points``; with more digits where two would not show that it lies beyond a limit."""
    for digits in range(2, 9):
        written = f"{fraction * 100:.{digits}f}"
        if beyond is None or float(written) > float(f"{beyond * 100:.{digits}f}"):
            break
    return f"{written} points"


def _moved(change: float) -> str:
    """Write ``lost 0.50 points``, ``gained 0.10 points``, or ``lost nothing`` where two digits show no difference."""
    if float(f"{change * 100:.2f}") == 0:
        return "lost nothing"
    return f"lost {points(-change)}" if change < 0 else f"gained {points(change)}"
