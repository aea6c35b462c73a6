"""Join halves of a report that were measured at different times: accuracy by `validate`, times by `bench`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Literal

from toolkit.document.shape import ReportDocument
from validation.results.run import Accuracy, RunResult, Timing

if TYPE_CHECKING:
    from converters import Artifact

HalfKey = tuple[str, str, str, str | None]
"""Artifact, runner, backend and signature: what halves of one run have in common."""
Half = Literal["accuracy", "timing"]


def earlier_runs(before: ReportDocument, files: Sequence[Artifact], half: Half) -> dict[HalfKey, RunResult]:
    """Read one half of the runs of an earlier report back.

    Those of other files and of other machines' results are left out.

    Raises:
        ValidationError: a run lacks what is needed, because an early version wrote it.
    """
    same = {(item.name, item.sha256) for item in files}
    # An early version may have written the other half differently; nobody asks for it.
    unasked = {item.name for item in fields(Timing if half == "accuracy" else Accuracy)} - {"status"}
    return {
        (artifact.name, run.runner, run.backend, run.signature): RunResult.from_json(
            {key: value for key, value in run.to_json().items() if key not in unasked}
        )
        for artifact in before.artifacts
        for run in artifact.runs
        if (artifact.name, artifact.sha256) in same and not run.came_by_merge
    }


def joined(
    results: Mapping[str, tuple[RunResult, ...]], earlier: Mapping[HalfKey, RunResult], half: Half
) -> dict[str, tuple[RunResult, ...]]:
    """Complete new runs with the half that was read back of the same artifact file, runtime, backend and size."""
    return {
        name: tuple(_whole(run, earlier.get((name, run.runner, run.backend, run.signature)), half) for run in runs)
        for name, runs in results.items()
    }


def _whole(new: RunResult, old: RunResult | None, half: Half) -> RunResult:
    if old is None or (half == "timing" and old.threads != new.threads) or _moved(old, new):
        return new
    whole = new.with_accuracy(old) if half == "accuracy" else new.with_timing(old)
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
