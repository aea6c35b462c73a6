"""Compare two runs, fact by fact: what changed, and whether anything got worse beyond limits.

Only like is held against like: equal pictures, equal runtime on an equal machine, equal output size. What cannot be
compared is said so, and an artifact that lost all comparable evidence counts as worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeGuard

from toolkit.apps.compare.allowed_changes import CompareLimits
from toolkit.apps.compare.paired import PairedIntervals, PairedKey, interval_words
from toolkit.document.run_shape import Run
from toolkit.document.shape import ArtifactEntry, ReportDocument
from toolkit.errors import UsageError
from toolkit.report.content.figures import plainly
from validation.results.run import Interval

SCHEMA = 1
Document = Mapping[str, Any]
"""Facts in plain JSON types."""
Judgement = Literal["same", "changed", "better", "worse"]
Unit = Literal["iou", "ms", "bytes", "instructions", "text"]
_ROUNDING = 1e-9
"""Differences of floats this small are not beyond a limit."""


@dataclass(frozen=True)
class ComparedFact:
    """One thing that both runs say something about.

    Attributes:
        where: artifact and runtime, or what of the runs as a whole.
        what: the figure or fact.
        before, after: in A and in B; None where it is not known.
        unit: `iou` (fractions), `ms`, `bytes`, `instructions` or `text`.
        change: B minus A for IoU, growth as a fraction of A for times, sizes and instructions; None for text.
        finding: `worse` is beyond its limit, `better` as far on the other side, `changed` neither.
        note: what a reader must know to trust it.
        interval: 95 % interval of `change` for IoU, from the pictures both runs saw; None where it is not known.
    """

    where: str
    what: str
    before: Any
    after: Any
    unit: Unit
    change: float | None
    finding: Judgement
    note: str = ""
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class RunComparison:
    """All rows of two runs.

    Attributes:
        rows: those of the runs as a whole, then artifact by artifact.
        limits: what `worse` was held against.
        notes: sentences on what was not compared.
    """

    rows: tuple[ComparedFact, ...]
    limits: CompareLimits
    notes: tuple[str, ...]

    @property
    def worse(self) -> tuple[ComparedFact, ...]:
        """Rows beyond their limit."""
        return tuple(row for row in self.rows if row.finding == "worse")

    @property
    def changed(self) -> tuple[ComparedFact, ...]:
        """Rows that are not the same."""
        return tuple(row for row in self.rows if row.finding != "same")

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types, schema 1."""
        status = "worse" if self.worse else "changed" if self.changed else "same"
        return {
            "schema": SCHEMA,
            "status": status,
            "limits": self.limits.model_dump(),
            "notes": list(self.notes),
            "rows": [asdict(row) for row in self.rows],
        }


def compare_runs(
    before: ReportDocument,
    after: ReportDocument,
    limits: CompareLimits,
    options: tuple[Document, Document] = ({}, {}),
    paired: Mapping[PairedKey, PairedIntervals] | None = None,
) -> RunComparison:
    """Compare two reports, B against A.

    Args:
        before, after: A and B.
        limits: what counts as worse.
        options: options of both runs from their manifests, compared as facts.
        paired: intervals of the changes, see `paired_intervals`; runs without them are told by the reports' own
            intervals.

    Raises:
        UsageError: the runs judge other pictures or other classes, so that no accuracy can be compared.
    """
    if before.dataset.digest != after.dataset.digest:
        raise UsageError(
            f"the runs judge different pictures ({_pictures(before)} and {_pictures(after)}), so accuracy cannot be"
            " compared; run `segport validate` on one of them with the other's --dataset, --split and --images"
        )
    if before.model.classes != after.model.classes:
        raise UsageError(
            "the runs have different classes, so accuracy cannot be compared; compare runs of one label set"
        )
    same_cpu = _cpu(before) == _cpu(after)
    rows = list(_facts(before, after, options))
    made = {item.name: item for item in after.artifacts}
    for old in before.artifacts:
        rows += _artifact_rows(old, made.pop(old.name, None), limits, same_cpu, paired or {})
    rows += [ComparedFact(name, "artifact", None, "added", "text", None, "changed") for name in made]
    notes = []
    if not same_cpu:
        notes.append(
            f"latency on the runs' own machines is shown but not held against the limit: A ran on {_cpu(before)[0]}, "
            f"B on {_cpu(after)[0]}"
        )
    if before.model.weights_sha256 != after.model.weights_sha256:
        notes.append("the runs have different weights: changes are those of the network and of its conversion together")
    return RunComparison(tuple(rows), limits, tuple(notes))


def _pictures(report: ReportDocument) -> str:
    return f"{report.dataset.images} of {report.dataset.name} {report.dataset.split}"


def _cpu(report: ReportDocument) -> tuple[str, Any]:
    environment = report.environment
    return str(environment.get("processor") or "an unnamed processor"), environment.get("cores")


def _facts(before: ReportDocument, after: ReportDocument, options: tuple[Document, Document]) -> Iterator[ComparedFact]:
    """Compare versions, machine, model and options."""
    for where, old, new in (
        ("model", before.model.to_json(), after.model.to_json()),
        ("environment", before.environment, after.environment),
        ("options", options[0], options[1]),
    ):
        yield from _text_rows(where, old, new)
    old_iou, new_iou = before.reference.miou, after.reference.miou
    change = None if old_iou is None or new_iou is None else new_iou - old_iou
    finding: Judgement = "same" if old_iou == new_iou else "changed"
    yield ComparedFact("reference", "mean IoU", old_iou, new_iou, "iou", change, finding)


def _text_rows(where: str, old: Document, new: Document) -> Iterator[ComparedFact]:
    """Compare facts that differ or agree, nested ones by their path; `out` is where a run lies, not what it is."""
    for key in [*old, *(key for key in new if key not in old)]:
        mine, theirs = old.get(key), new.get(key)
        if key in ("out", "origin"):
            continue
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from _text_rows(f"{where} {key}", mine, theirs)
        elif _of_mappings(mine) and _of_mappings(theirs) and len(mine) == len(theirs):
            for number, pair in enumerate(zip(mine, theirs, strict=True), start=1):
                yield from _text_rows(f"{where} {key}" + (f" {number}" if len(mine) > 1 else ""), *pair)
        else:
            yield ComparedFact(where, key, mine, theirs, "text", None, "same" if mine == theirs else "changed")


def _of_mappings(value: Any) -> TypeGuard[list[Document]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _artifact_rows(
    old: ArtifactEntry,
    new: ArtifactEntry | None,
    limits: CompareLimits,
    same_cpu: bool,
    paired: Mapping[PairedKey, PairedIntervals],
) -> Iterator[ComparedFact]:
    name = old.name
    if new is None:
        yield ComparedFact(name, "artifact", "made", None, "text", None, "worse", "B does not have it")
        return
    yield _verdict_row(name, old.verdict.status, new.verdict.status)
    yield from _text_rows(name, {"sha256": old.sha256}, {"sha256": new.sha256})
    yield from _text_rows(f"{name} provenance", old.provenance, new.provenance)
    yield from _text_rows(f"{name} limits", _recorded(old), _recorded(new))
    if old.size_bytes is not None and new.size_bytes is not None:
        yield _growth_row(name, "size", old.size_bytes, new.size_bytes, "bytes", limits.size_growth)
    runs = {run.key: run for run in new.runs}
    evidence, had, reasons = 0, 0, []
    for run in old.runs:
        other = runs.get(run.key)
        where = f"{name} in {_title(run)}"
        had += run.miou is not None
        reason = _not_comparable(run, other)
        reasons += [reason] if reason and run.miou is not None else []
        if other is None or reason:
            yield ComparedFact(where, "accuracy", run.status, other and other.status, "text", None, "changed", reason)
        elif run.miou is not None:
            evidence += 1
            yield from _accuracy_rows(where, run, other, limits, paired.get((name, run.key)))
        yield from _latency_rows(where, run, other, limits, same_cpu)
        yield from _instruction_rows(where, run, other, limits)
    if had and not evidence:
        note = f"no run of B can be held against one of A: {'; '.join(dict.fromkeys(reasons))}"
        yield ComparedFact(name, "accuracy", "measured", None, "text", None, "worse", note)


def _recorded(artifact: ArtifactEntry) -> dict[str, Any]:
    return {} if artifact.limits is None else artifact.limits.to_json()


def _title(run: Run) -> str:
    title = f"{run.runner} ({run.backend})"
    title += f" {run.signature}" if run.signature else ""
    return f"{title} on {run.machine}" if run.machine else title


def _verdict_row(name: str, old: str, new: str) -> ComparedFact:
    finding: Judgement = (
        "same" if old == new else "worse" if old == "pass" else "better" if new == "pass" else "changed"
    )
    return ComparedFact(name, "verdict", old, new, "text", None, finding)


def _not_comparable(run: Run, other: Run | None) -> str:
    """Say why the accuracy of two runs cannot be compared; empty if it can, or if A has none."""
    if other is None:
        return "B did not run it"
    if run.miou is None:
        return "" if other.miou is None else "A did not measure it"
    if other.miou is None:
        return other.reason or "B did not measure it"
    for words, mine, theirs in (
        ("pictures", run.images, other.images),
        ("output sizes", run.evaluated_at, other.evaluated_at),
    ):
        if mine != theirs:
            return f"judged on different {words}: {plainly(mine)} and {plainly(theirs)}"
    return ""


def _accuracy_rows(
    where: str, old: Run, new: Run, limits: CompareLimits, paired: PairedIntervals | None
) -> Iterator[ComparedFact]:
    if paired is not None:
        yield _paired_row(where, "mean IoU", old.miou, new.miou, limits.miou_drop, paired.miou, paired.pictures)
        for name, value in old.per_class_iou.items():
            now, interval = new.per_class_iou.get(name), paired.per_class.get(name)
            yield _paired_row(where, f"IoU of {name}", value, now, limits.class_drop, interval, paired.pictures)
        return
    note = _interval_note(old.delta_miou_ci95, new.delta_miou_ci95)
    yield _iou_row(where, "mean IoU", old.miou, new.miou, limits.miou_drop, note)
    intervals = old.delta_per_class_iou_ci95, new.delta_per_class_iou_ci95
    for name, value in old.per_class_iou.items():
        note = _interval_note(intervals[0].get(name), intervals[1].get(name))
        yield _iou_row(where, f"IoU of {name}", value, new.per_class_iou.get(name), limits.class_drop, note)


def _iou_row(where: str, what: str, old: float | None, new: float | None, limit: float, note: str) -> ComparedFact:
    if old is None or new is None:
        # With equal pictures a class can only vanish from the union if both truth and answers lack it.
        return ComparedFact(
            where, what, old, new, "iou", None, "same" if old == new else "changed", "absent on one side"
        )
    return ComparedFact(where, what, old, new, "iou", new - old, _judged(old - new, limit), "" if old == new else note)


def _paired_row(
    where: str, what: str, old: float | None, new: float | None, limit: float, interval: Interval | None, pictures: int
) -> ComparedFact:
    row = _iou_row(where, what, old, new, limit, interval_words(interval, pictures))
    return row if row.change is None else replace(row, interval=interval)


def _interval_note(old: Sequence[float] | None, new: Sequence[float] | None) -> str:
    """Say what the 95 % intervals of both losses against their references say of the change."""
    if old is None or new is None:
        return ""
    apart = old[0] > new[1] or new[0] > old[1]
    return "95 % intervals lie apart" if apart else "95 % intervals overlap"


def _latency_rows(
    where: str, old: Run, new: Run | None, limits: CompareLimits, same_cpu: bool
) -> Iterator[ComparedFact]:
    mine, theirs = old.latency_ms, new.latency_ms if new else None
    if mine is None and theirs is None:
        return
    if mine is None or theirs is None:
        known = [None if latency is None else latency.p50 for latency in (mine, theirs)]
        yield ComparedFact(where, "p50", known[0], known[1], "ms", None, "changed", "timed in one run only")
        return
    note = "the machine was busy" if mine.warning or theirs.warning else ""
    row = _growth_row(where, "p50", mine.p50, theirs.p50, "ms", limits.latency_growth, note)
    threads = new.threads if new else None
    if old.threads != threads:
        reason = f"not held against the limit: {old.threads} and {threads} threads"
    elif not same_cpu and not old.machine:
        reason = "not held against the limit: another processor"
    else:
        yield row
        return
    finding: Judgement = "same" if row.finding == "same" else "changed"
    yield ComparedFact(where, "p50", row.before, row.after, "ms", row.change, finding, reason)


def _instruction_rows(where: str, old: Run, new: Run | None, limits: CompareLimits) -> Iterator[ComparedFact]:
    """Compare executed instructions, on whatever machines: no noise touches them. Losing the count of a run is
    worse.
    """
    mine, theirs = old.instructions, new.instructions if new else None
    if mine is not None and theirs is not None:
        growth = limits.instruction_growth
        yield _growth_row(where, "instructions", mine.total, theirs.total, "instructions", growth)
    elif mine is not None:
        lost = new is not None and new.status == "measured"
        finding: Judgement = "worse" if lost else "changed"
        yield ComparedFact(
            where, "instructions", mine.total, None, "instructions", None, finding, "B did not count them"
        )
    elif theirs is not None:
        note = "A did not count them"
        yield ComparedFact(where, "instructions", None, theirs.total, "instructions", None, "changed", note)


def _growth_row(
    where: str, what: str, old: float, new: float, unit: Unit, limit: float, note: str = ""
) -> ComparedFact:
    growth = (new - old) / old if old else 0.0 if new == old else float(new)
    return ComparedFact(where, what, old, new, unit, growth, _judged(growth, limit), "" if old == new else note)


def _judged(loss: float, limit: float) -> Judgement:
    if loss == 0:
        return "same"
    return "worse" if loss > limit + _ROUNDING else "better" if -loss > limit + _ROUNDING else "changed"
