"""Halves of a report that were measured at different times: accuracy by `validate`, times by `bench`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.document.entries import came_by_merge

if TYPE_CHECKING:
    from converters import Artifact
    from validation.results.run import RunResult

ACCURACY_FIELDS = (
    "status", "reason", "images", "evaluated_at", "judged_at", "miou", "mean_f1", "overall_f1", "pixel_accuracy", "per_class_iou",
    "per_class_f1", "per_class_precision", "per_class_recall", "per_class_boundary_iou", "per_class_boundary_f1", "delta_miou",
    "delta_per_class_iou", "delta_miou_ci95",
    "delta_per_class_iou_ci95", "lost_classes", "pixel_agreement", "class_flips", "margin_at_flips", "worst_images",
    "native_agreement", "metrics",
)  # fmt: skip
TIME_FIELDS = (
    "latency_status",
    "latency_reason",
    "latency_ms",
    "peak_memory_bytes",
    "anonymous_memory_bytes",
    "memory_reason",
    "thread_sweep",
    "per_op",
    "undelegated",
)


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
    kept = ACCURACY_FIELDS if keep_accuracy else TIME_FIELDS
    found = {}
    for name, runs in results.items():
        completed = []
        for new in runs:
            old = earlier.get((name, new.runner, new.backend, new.signature))
            if old is None or (not keep_accuracy and old.threads != new.threads) or _moved(old, new):
                completed.append(new)
                continue
            half = {key: getattr(old, key) for key in kept}
            where = new if new.machine else old
            half |= {"machine": where.machine, "machine_details": where.machine_details}
            half["delegation"] = new.delegation or old.delegation
            completed.append(dataclasses.replace(new, **half))
        found[name] = tuple(completed)
    return found


def _moved(old: RunResult, new: RunResult) -> bool:
    """Whether they ran on different phones, say, so that halves of them make no whole."""
    return bool(new.machine) and new.machine != old.machine
