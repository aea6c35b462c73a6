"""Halves of a report that were measured at different times: accuracy by `validate`, times by `bench`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.document.entries import came_by_merge

if TYPE_CHECKING:
    from converters import Artifact
    from validation.results.run import RunResult


def joined(
    results: Mapping[str, tuple[RunResult, ...]],
    document: Mapping[str, Any],
    files: Sequence[Artifact],
    *,
    keep_accuracy: bool,
) -> dict[str, tuple[RunResult, ...]]:
    """New runs completed with the half that an earlier report has of the same artifact file, runtime, backend and size."""
    from validation.results.run import RunResult

    same = {(item.name, item.sha256) for item in files}
    earlier = {
        (artifact["name"], run["runner"], run["backend"], run.get("signature")): RunResult.from_json(run)
        for artifact in document["artifacts"]
        for run in artifact["runs"]
        if (artifact["name"], artifact["sha256"]) in same and not came_by_merge(run)
    }
    found = {}
    for name, runs in results.items():
        completed = []
        for new in runs:
            old = earlier.get((name, new.runner, new.backend, new.signature))
            if old is None or (not keep_accuracy and old.threads != new.threads) or _moved(old, new):
                completed.append(new)
                continue
            whole = new.with_accuracy(old) if keep_accuracy else new.with_timing(old)
            where = new if new.machine else old
            completed.append(
                dataclasses.replace(
                    whole,
                    machine=where.machine,
                    machine_details=where.machine_details,
                    delegation=new.delegation or old.delegation,
                )
            )
        found[name] = tuple(completed)
    return found


def _moved(old: RunResult, new: RunResult) -> bool:
    """Whether they ran on different phones, say, so that halves of them make no whole."""
    return bool(new.machine) and new.machine != old.machine
