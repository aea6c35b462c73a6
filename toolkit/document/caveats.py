"""Say what a reader must know before trusting a figure of the report."""

from __future__ import annotations

import os
from collections.abc import Sequence

from toolkit.document.shape import ArtifactEntry, Census, ReferenceEntry

CHANCE = 0.01
"""A network that beats one answer everywhere by no more than this much mean IoU has learned nothing of the dataset."""

SOME, MANY = 0.05, 0.2
"""Shares of ignored pixels that may be a class: where a single one of few classes never occurs, and in any case."""
FEW_CLASSES = 8
NEARLY_ALL, NEARLY_ALL_UNLABELLED = 0.99, 0.999
"""Shares of one answer that show nothing, with and without labels."""


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
            f"other processes kept up to {busy:.1f} cores busy while latency was measured; run `segport bench` on a"
            " quiet machine"
        )
    unsettled = sum(not found.stable for found in timed)
    if unsettled:
        warnings.append(
            f"the times of {unsettled} of {len(timed)} runs had not settled when sampling began; they change with the"
            " machine's clock or load"
        )
    cores = os.cpu_count() or 1
    used = [run.threads or 0 for run in ours] + [item.threads for run in ours for item in run.thread_sweep]
    most = max(used, default=0)
    if most > cores:
        warnings.append(f"{most} threads were asked for on {cores} cores; their times say nothing about more cores")
    return warnings + _routes_taken(artifacts)


def meaningless(reference: ReferenceEntry, *, on_purpose: bool = False) -> list[str]:
    """Say why the float network's score shows nothing, so that no artifact passes by keeping it; nothing if it does.

    Either what the masks hold, or what the network answers, is as good as one class. Reports of early versions counted
    no pixels and are believed. Pixels ignored `on_purpose` stand for no class that is missing.
    """
    census = reference.census
    if census is None or len(census.truth) < 2:
        return []
    labelled = sum(census.truth.values())
    share = census.ignored / max(1, census.ignored + labelled)
    found = _of_one_class(census, 0.0 if on_purpose else share) if labelled else []
    return found or _one_answer(census, reference, labelled)


def _of_one_class(census: Census, ignored: float) -> list[str]:
    """Say that the masks hold one class only, or that ignored pixels abound where a class never occurs."""
    there = [name for name, pixels in census.truth.items() if pixels]
    missing = [name for name in census.truth if name not in there]
    many = f"{ignored:.1%} of the pixels are ignored (255): if they are a class, give it an id below 255"
    if len(there) == 1:
        hint = (
            f"; {many}" if ignored >= SOME else "; choose pictures with the other classes, or more of them (--images)"
        )
        return [
            f"all pixels that count are {there[0]!r}, so the score rests on one class and shows nothing of the"
            f" others{hint}"
        ]
    alone = len(missing) == 1 and len(census.truth) <= FEW_CLASSES and ignored >= SOME
    if missing and (alone or ignored >= MANY):
        names = (
            f"class {missing[0]!r} occurs"
            if len(missing) == 1
            else f"{len(missing)} classes ({missing[0]!r}, ...) occur"
        )
        return [f"{names} in no mask, while {many}"]
    return []


def _one_answer(census: Census, reference: ReferenceEntry, labelled: int) -> list[str]:
    """Say that the float network gives nearly every pixel one class, and gains nothing by its other answers."""
    name, most = max(census.answered.items(), key=lambda item: item[1])
    share = most / max(1, sum(census.answered.values()))
    if share < (NEARLY_ALL if labelled else NEARLY_ALL_UNLABELLED) or (labelled and not _worthless(reference)):
        return []
    return [
        f"the float network gives {share:.1%} of the pixels the class {name!r}, which an artifact that knows nothing"
        " could do as well; check --mean, --std, --pixel-range, --channel-order, --weights and --answer-kind, or"
        " choose pictures with other classes"
    ]


def _worthless(reference: ReferenceEntry) -> list[str]:
    """Warn of a float network that is no better than one answer everywhere: what it loses says nothing, and
    something is set wrongly.

    Where the masks hold one class only, no network could be better, and none is accused.
    """
    constant, miou, census = reference.of_one_answer, reference.miou, reference.census
    if constant is None or miou is None or miou > constant.miou + CHANCE:
        return []
    if census is not None and sum(pixels > 0 for pixels in census.truth.values()) == 1:
        return []
    return [
        f"the float network itself (mean IoU {miou:.4f}) is no better than {constant.class_!r} at every pixel"
        f" ({constant.miou:.4f}); check the order of classes, --mean, --std, --pixel-range, --channel-order and"
        " --weights"
    ]


def _routes_taken(artifacts: Sequence[ArtifactEntry]) -> list[str]:
    """Name in one sentence all artifacts that another route than the first made, for the same reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for artifact in artifacts:
        facts = artifact.provenance
        if "instead of" in facts:
            names.setdefault((facts["route"], facts["instead of"]), []).append(artifact.name)
    return [f"{', '.join(made)} came through {route} instead of {reason}" for (route, reason), made in names.items()]
