"""Fold what other machines measured into a run's report.

Accepted results lie in the run folder (`devices/`), and every report is drawn with them: folding is a function of the
report's own runs and of those files, so doing it twice changes nothing, and `validate` or `bench` here loses nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.devices.records import (
    OTHER_PICTURES,
    Record,
    answered,
    answered_size,
    output_size,
    record_of,
    reference_counts,
    sent,
)
from toolkit.devices.result import DeviceResult, DeviceRun, read_result
from toolkit.document.entries import run_entry
from toolkit.document.run_shape import Run, RunKey
from toolkit.document.shape import ArtifactEntry, ReportDocument
from toolkit.document.verdicts import gates_of
from toolkit.run_folder.folder import RunFolder
from validation.results.facts import Delegation
from validation.results.latency import LatencyResult
from validation.results.run import Accuracy, RunResult, Setting, Status, Timing

if TYPE_CHECKING:
    from validation.accuracy.result import AccuracyResult
    from validation.verdict.gates import Gates


def with_devices(folder: RunFolder, report: ReportDocument) -> ReportDocument:
    """Take the runs of every kept result in, in the place of earlier ones."""
    results = [_Answering(result, record_of(result, folder)) for result in _kept(folder)]
    artifacts = [_with_runs(artifact, _rows(artifact, results, report)) for artifact in report.artifacts]
    return report.model_copy(update={"artifacts": artifacts})


@dataclass(frozen=True)
class _Answering:
    """A result, and what it answers to; None if this run folder does not have that."""

    result: DeviceResult
    record: Record | None


def _with_runs(artifact: ArtifactEntry, rows: Mapping[RunKey, Run]) -> ArtifactEntry:
    """Put the runs from other machines behind the artifact's own; those it had before are left out."""
    own = [run for run in artifact.runs if not run.came_by_merge and run.key not in rows]
    if not rows and len(own) == len(artifact.runs):
        return artifact
    # Runner, backend and signature, on whatever machine.
    done = {run.key[:3] for run in rows.values() if run.status != "not_run"}
    runs = [run for run in own if run.status != "not_run" or run.key[:3] not in done]
    # Somebody else's "not run" is news only about a backend of which nothing is known.
    known = done | {run.key[:3] for run in runs}
    runs += [run for run in rows.values() if run.status != "not_run" or run.key[:3] not in known]
    return artifact.model_copy(update={"runs": runs})


def _rows(artifact: ArtifactEntry, results: Sequence[_Answering], report: ReportDocument) -> dict[RunKey, Run]:
    """Find runs of this very file on other machines.

    A newer measurement takes the place of an older one, unless it is none.
    """
    found: dict[RunKey, Run] = {}
    for item in results:
        for run in item.result.runs:
            key = (run.runner, run.backend, run.signature, item.result.machine.name)
            if (run.artifact, run.sha256) != (artifact.name, artifact.sha256):
                continue
            if run.status != "not_run" or key not in found:
                found[key] = _entry(run, item, report, gates_of(artifact))
    return found


def _entry(run: DeviceRun, item: _Answering, report: ReportDocument, gates: Gates | None) -> Run:
    """Write down one run, with what else is known of the machine under added keys."""
    return run_entry(_run_result(run, item, report), gates).model_copy(
        update={
            "versions": dict(item.result.versions),
            "measured_at": item.result.created,
            "compute_plan": _plan_summary(run),
            "compute_plan_reason": run.compute_plan_reason,
        }
    )


def _run_result(run: DeviceRun, item: _Answering, report: ReportDocument) -> RunResult:
    result, record = item.result, item.record
    size = None if run.output_size is None else (run.output_size[0], run.output_size[1])
    signature = run.signature
    if record is not None and (packed := sent(record, run)) is not None:
        size, signature = output_size(packed), packed.get("signature")
    setting = Setting(
        run.runner,
        run.backend,
        run.threads,
        output_size=size,
        signature=signature,
        machine=result.machine.name,
        machine_details=result.machine.model_dump(),
        delegation=None if run.delegation is None else Delegation(**run.delegation.model_dump()),
    )
    return RunResult.of(setting, _accuracy(run, record, report), _timing(run))


def _timing(run: DeviceRun) -> Timing:
    told = run.latency_ms is not None or run.status != "measured"
    return Timing(
        Status(run.status) if told else Status.NOT_RUN,
        run.reason if told else "not measured there",
        None if run.latency_ms is None else LatencyResult.from_json(run.latency_ms.model_dump()),
        peak_memory_bytes=run.peak_memory_bytes,
        memory_reason="not measured on the other machine" if run.peak_memory_bytes is None else "",
    )


def _accuracy(run: DeviceRun, record: Record | None, report: ReportDocument) -> Accuracy:
    from validation.verdict.against_reference import accuracy_of, compare_with_reference

    if run.status != "measured":
        return Accuracy(Status(run.status), run.reason)
    if not run.pictures:
        return Accuracy(Status.NOT_RUN, "no answers were counted there")
    if record is None or record["dataset"]["digest"] != report.dataset.digest:
        return Accuracy(Status.NOT_RUN, OTHER_PICTURES)
    accuracies = _accuracies(run, record)
    if accuracies is None:
        return Accuracy(Status.NOT_RUN, OTHER_PICTURES)
    return accuracy_of(accuracies[0], compare_with_reference(*accuracies))


def _accuracies(run: DeviceRun, record: Record) -> tuple[AccuracyResult, AccuracyResult] | None:
    """Give the counts of the device and of the float reference on the pictures that the device saw.

    None if those are not here.
    """
    from validation.accuracy.result import AccuracyResult

    size, pictures = answered_size(record, run), answered(run, record)
    references = None if pictures is None else reference_counts(pictures, size)
    if pictures is None or references is None:
        return None

    def counted(matrices: Sequence[Any], flips: Any) -> AccuracyResult:
        return AccuracyResult(
            classes=tuple(record["model"]["classes"]),
            sample_ids=tuple(item["id"] for item in pictures),
            indices=tuple(item["index"] for item in pictures),
            evaluated_at=size,
            masks_resized=False,
            per_image=np.asarray(matrices, dtype=np.uint32),
            flips=None if flips is None else np.asarray(flips, dtype=np.int64),
        )

    mine = counted([item.confusion for item in run.pictures], run.class_flips)
    return mine, counted(references, None)


def _plan_summary(run: DeviceRun) -> dict[str, Any] | None:
    """Count operations by unit, and name the operators that run on each: what a reader asks of a compute plan."""
    if run.compute_plan is None:
        return None
    units = sorted({step.preferred for step in run.compute_plan})
    return {
        "operations": {unit: sum(step.preferred == unit for step in run.compute_plan) for unit in units},
        "operators": {unit: sorted({s.operator for s in run.compute_plan if s.preferred == unit}) for unit in units},
    }


def keep_result(path: Path, folder: RunFolder) -> None:
    """Copy an accepted result into the run folder under the hash of its content."""
    digest = sha256(path.read_bytes()).hexdigest()
    kept = folder.root / "devices" / f"{digest}.json"
    kept.parent.mkdir(exist_ok=True)
    temporary = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
    try:
        shutil.copyfile(path, temporary)
        temporary.replace(kept)
    finally:
        temporary.unlink(missing_ok=True)


def _kept(folder: RunFolder) -> Iterator[DeviceResult]:
    """Read the accepted results, oldest first."""
    found = [(read_result(path), path.name) for path in (folder.root / "devices").glob("*.json")]
    return (result for result, _ in sorted(found, key=lambda pair: (pair[0].created, pair[1])))
