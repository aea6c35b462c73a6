"""Say what a reader must know before trusting a figure of the report."""

from __future__ import annotations

import os
from collections.abc import Sequence

from toolkit.document.shape import ArtifactEntry, ReferenceEntry

CHANCE = 0.01
"""A network that beats one answer everywhere by no more than this much mean IoU has learned nothing of the dataset."""


def warnings_of(artifacts: Sequence[ArtifactEntry], reference: ReferenceEntry) -> list[str]:
    """Warn once per kind: of a network that knows nothing, a busy machine, unsettled times, too many threads, other
    routes.
    """
    warnings = _worthless(reference)
    ours = [run for artifact in artifacts for run in artifact.runs if not run.machine]
    timed = [found for found in (*(run.latency_ms for run in ours), reference.latency_ms) if found is not None]
    busy = max((found.other_load or 0.0 for found in timed if found.warning), default=None)
    if busy is not None:
        warnings.append(
            f"other processes kept up to {busy:.1f} cores busy while latency was measured; run `segport bench` on a quiet machine"
        )
    unsettled = sum(not found.stable for found in timed)
    if unsettled:
        warnings.append(
            f"the times of {unsettled} of {len(timed)} runs had not settled when sampling began; they change with the machine's "
            "clock or load"
        )
    cores = os.cpu_count() or 1
    used = [run.threads or 0 for run in ours] + [item.threads for run in ours for item in run.thread_sweep]
    most = max(used, default=0)
    if most > cores:
        warnings.append(f"{most} threads were asked for on {cores} cores; their times say nothing about more cores")
    return warnings + _routes_taken(artifacts)


def _worthless(reference: ReferenceEntry) -> list[str]:
    """Warn of a float network that is no better than one answer everywhere: what it loses says nothing, and
    something is set wrongly.
    """
    constant, miou = reference.of_one_answer, reference.miou
    if constant is None or miou is None or miou > constant.miou + CHANCE:
        return []
    return [
        f"the float network itself (mean IoU {miou:.4f}) is no better than {constant.class_!r} at every pixel ({constant.miou:.4f}); "
        "check the order of classes, --mean, --std, --pixel-range, --channel-order and --weights"
    ]


def _routes_taken(artifacts: Sequence[ArtifactEntry]) -> list[str]:
    """Name in one sentence all artifacts that another route than the first made, for the same reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for artifact in artifacts:
        facts = artifact.provenance
        if "instead of" in facts:
            names.setdefault((facts["route"], facts["instead of"]), []).append(artifact.name)
    return [f"{', '.join(made)} came through {route} instead of {reason}" for (route, reason), made in names.items()]
