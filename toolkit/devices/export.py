"""Export what an attached phone measured (`segport report RUN --export FILE`) as a result that another machine's
`--merge` takes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.document.outcome import load_outcome
from toolkit.document.run_shape import Run
from toolkit.document.shape import ArtifactEntry, ReportDocument
from toolkit.errors import UsageError
from toolkit.run_folder.files import write_json
from toolkit.run_folder.folder import RunFolder

if TYPE_CHECKING:
    from validation.accuracy.matrices import MatrixStore

_LATENCY = (
    "p50",
    "p90",
    "p95",
    "p99",
    "mean",
    "min",
    "max",
    "samples",
    "warmup",
    "stable",
    "threads",
    "load_ms",
    "first_run_ms",
    "other_load",
    "warning",
    "iqr",
    "cold_start",
    "cold_starts",
)


def export_result(folder: Path, out: Path) -> int:
    """Write what was measured on a machine attached to this one, with the counts of every picture.

    Returns how many runs.

    Args:
        folder: a run folder with a report.
        out: the result file; written whole or not at all.

    Raises:
        UsageError: no report, nothing measured on another machine, several machines, or `out` cannot be written.
    """
    from validation.accuracy.matrices import MatrixStore

    found = load_outcome(folder)
    rows = list(_rows(found.report))
    machines = {run.machine: run.machine_details for _, run in rows}
    if not machines:
        raise UsageError(
            f"{folder} holds nothing that was measured on an attached phone; run: segport bench {folder} --runners"
            " android"
        )
    if len(machines) > 1:
        raise UsageError(
            f"{folder} holds runs of {', '.join(sorted(machines))}; a result is of one machine: measure again with one"
            " of them"
        )
    store = MatrixStore(found.folder.matrices)
    digest = found.report.dataset.digest
    runs = [_run(artifact, run, store, digest) for artifact, run in rows]
    ((_, machine),) = machines.items()
    environment = found.report.environment
    result = {
        "schema": 1,
        "kind": "segport-result",
        "bundle_sha256": None,
        "dataset_digest": digest,
        "created": _changed(found.folder),
        "machine": machine,
        "versions": environment["packages"],
        "settings": {},
        "complete": True,
        "runs": runs,
    }
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, result)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror or error}); give another path") from error
    return len(runs)


def _rows(report: ReportDocument) -> Iterator[tuple[ArtifactEntry, Run]]:
    """Find artifact and run of everything that was tried on another machine from here."""
    for artifact in report.artifacts:
        for run in artifact.runs:
            tried = {run.status, run.latency_status} != {"not_run"}
            if run.machine and not run.came_by_merge and tried:
                yield artifact, run


def _run(artifact: ArtifactEntry, run: Run, store: MatrixStore, digest: str) -> dict[str, Any]:
    """Write down one run of the result: its figures, or why there are none."""
    entry = {
        "artifact": artifact.name,
        "sha256": artifact.sha256,
        "runner": run.runner,
        "backend": run.backend,
        "threads": run.threads,
        "signature": run.signature,
        "output_size": run.output_size,
        "status": "measured",
        "reason": "",
        "latency_ms": None,
        "delegation": None if run.delegation is None else run.delegation.to_json(),
    }
    both = ((run.status, run.reason), (run.latency_status, run.latency_reason))
    reasons = [reason for status, reason in both if status == "failed"]
    if reasons:
        return {**entry, "status": "failed", "reason": reasons[0]}
    if run.latency_ms is not None:
        times = run.latency_ms.to_json()
        entry["latency_ms"] = {key: times[key] for key in _LATENCY}
        entry["peak_memory_bytes"] = run.peak_memory_bytes
    entry |= _answers(artifact, run, store, digest)
    if entry["latency_ms"] is None and not entry.get("pictures"):
        return {**entry, "status": "not_run", "reason": "the counts of its answers are no longer kept; judge it again"}
    return entry


def _answers(artifact: ArtifactEntry, run: Run, store: MatrixStore, digest: str) -> dict[str, Any]:
    """Give the counts of every picture, if they are of this file, these pictures, and the answer's own pixels."""
    kept = store.load(artifact.name, run.runner, run.backend, run.signature)
    if run.status != "measured" or kept is None or kept.judged_at != "network":
        return {}
    if (kept.dataset, kept.artifact) != (digest, artifact.sha256) or run.class_flips is None:
        return {}
    pictures = [
        {"id": name, "confusion": counts.tolist()} for name, counts in zip(kept.ids, kept.per_image, strict=True)
    ]
    return {"pictures": pictures, "class_flips": run.class_flips, "pixel_agreement": run.pixel_agreement}


def _changed(folder: RunFolder) -> str:
    """Tell when the report was last written, which is when it was last measured or drawn."""
    return datetime.fromtimestamp(folder.report.stat().st_mtime, UTC).isoformat(timespec="seconds")
