"""Join halves of a report that were measured at different times: accuracy by `validate`, times by `bench`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from toolkit.document.shape import ReportDocument
from validation.results.run import RunResult

if TYPE_CHECKING:
    from converters import Artifact

HalfKey = tuple[str, str, str, str | None]
"""Artifact, runner, backend and signature: what halves of one run have in common."""


def joined(
    results: Mapping[str, tuple[RunResult, ...]],
    before: ReportDocument,
    files: Sequence[Artifact],
    *,
    keep: Literal["accuracy", "timing"],
) -> dict[str, tuple[RunResult, ...]]:
    """Complete new runs with the half that an earlier report has of the same artifact file, runtime, backend and size."""
    earlier = _earlier(before, files)
    return {
        name: tuple(_whole(run, earlier.get((name, run.runner, run.backend, run.signature)), keep) for run in runs)
        for name, runs in results.items()
    }


def _earlier(before: ReportDocument, files: Sequence[Artifact]) -> dict[HalfKey, RunResult]:
    """Read the runs of an earlier report back; those of other files and those of other machines' results are left out."""
    same = {(item.name, item.sha256) for item in files}
    return {
        (artifact.name, run.runner, run.backend, run.signature): RunResult.from_json(run.to_json())
        for artifact in before.artifacts
        for run in artifact.runs
        if (artifact.name, artifact.sha256) in same and not run.came_by_merge
    }


def _whole(new: RunResult, old: RunResult | None, keep: Literal["accuracy", "timing"]) -> RunResult:
    if old is None or (keep == "timing" and old.threads != new.threads) or _moved(old, new):
        return new
    whole = new.with_accuracy(old) if keep == "accuracy" else new.with_timing(old)
    where = new if new.machine else old
    return dataclasses.replace(
        whole,
        machine=where.machine,
        machine_details=where.machine_details,
        delegation=new.delegation or old.delegation,
    )


def _moved(old: RunResult, new: RunResult) -> bool:
    """Tell whether they ran on different phones, say, so that halves of them make no whole."""
    return bool(new.machine) and new.machine != old.machine
