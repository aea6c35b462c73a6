"""Is the answer laid out and labelled as the network's: axes, number of classes, order of classes?"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from validation.accuracy.confusion import confusion_matrix
from validation.checks.base.contract import ArtifactCheck, CheckStatus, Finding
from validation.checks.base.evidence import Answer, ArtifactEvidence, Values
from validation.checks.base.picture_mistakes import (
    EXPLAINS,
    FAR,
    OUTPUT_MISTAKES,
    PLAUSIBLE,
    ReadWrongly,
    error,
    explain,
    right,
    sampled,
)
from validation.errors import RunnerError
from validation.runners.base.values import label_map


def look(evidence: ArtifactEvidence) -> Finding:
    """Fail if names, shapes, axes or the order of classes are not the network's."""
    artifact, names = evidence.artifact, evidence.expectations.classes
    if artifact.classes != names or artifact.output.classes != len(names):
        return Finding(CheckStatus.FAIL, _naming(artifact.name, artifact.classes, names, artifact.output.classes))
    try:
        shown = evidence.shown.answers
    except RunnerError as failure:
        return Finding(CheckStatus.FAIL, f"{artifact.name} does not answer as its manifest says: {failure}")
    expected = [evidence.expectations.answer(number, "right", right) for number in range(len(shown))]
    height, width = expected[0].shape[:2]
    reads = {name: read for name, (_, read) in OUTPUT_MISTAKES.items() if height == width or name != "transposed"}
    asks = {name: partial(_error_if_read, shown, expected, read) for name, read in reads.items()}
    found = explain(error(shown, expected), asks, logits=evidence.answers_logits)
    facts = {**found.facts(), "classes": len(names)}
    if found.found and found.mistake is not None:
        words = OUTPUT_MISTAKES[found.mistake][0]
        return Finding(CheckStatus.FAIL, f"{artifact.name}: {words}; state the layout the file has", facts)
    if found.own > FAR:
        order = class_order(shown, expected)
        if order is not None:
            return Finding(CheckStatus.FAIL, _permuted(artifact.name, order, names), {**facts, "order": list(order)})
    return Finding(
        CheckStatus.PASS, f"{artifact.name} answers with the network's {len(names)} classes in their order", facts
    )


def _error_if_read(shown: tuple[Answer, ...], expected: list[Values], read: ReadWrongly) -> float:
    return error(shown, [np.ascontiguousarray(read(item)) for item in expected])


def class_order(shown: tuple[Answer, ...], expected: list[Values]) -> tuple[int, ...] | None:
    """Find which class of the network each class of the answer is, if a permutation explains the answer; else None.


    Logits: channels matched by their correlation; label maps: by the pixels they share. Both by the assignment that
    makes the sum largest (Kuhn, "The Hungarian method for the assignment problem", 1955; scipy's implementation).
    """
    from scipy.optimize import linear_sum_assignment

    mine, theirs = [sampled(item) for item in shown], [sampled(item) for item in expected]
    classes = theirs[0].shape[2]
    if mine[0].ndim == 3:
        likeness = _correlation(_columns(mine), _columns(theirs))
    else:
        likeness = np.zeros((classes, classes))
        for labels, logits in zip(mine, theirs, strict=True):
            likeness += confusion_matrix(
                labels.astype(np.uint8), label_map(logits.astype(np.float32)), classes, ignore=None
            )
    order = linear_sum_assignment(likeness, maximize=True)[1]
    if (order == np.arange(classes)).all():
        return None
    reordered = [item[:, :, order] for item in expected]
    explained = error(shown, reordered) < min(PLAUSIBLE, EXPLAINS * error(shown, expected))
    return tuple(int(item) for item in order) if explained else None


def _columns(answers: list[Answer]) -> NDArray[np.float64]:
    """Return (C, pixels), each class about its mean and of unit length; a class that never varies is all zeros."""
    columns = np.concatenate([item.reshape(-1, item.shape[2]) for item in answers]).astype(np.float64).T
    columns -= columns.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(columns, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(columns, lengths, out=np.zeros_like(columns), where=lengths > 0)
    return unit


def _correlation(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = mine @ theirs.T
    return found


def _naming(artifact: str, found: tuple[str, ...], names: tuple[str, ...], channels: int) -> str:
    if len(found) != len(names) or channels != len(names):
        return (
            f"{artifact} answers with {channels} classes and names {len(found)}, but the network has {len(names)}; "
            "convert it again"
        )
    place = next(index for index, (mine, theirs) in enumerate(zip(found, names, strict=True)) if mine != theirs)
    return (
        f"{artifact} calls class {place} {found[place]!r} where the network has {names[place]!r}; give its names in "
        "the network's order"
    )


def _permuted(artifact: str, order: tuple[int, ...], names: tuple[str, ...]) -> str:
    moved = [
        f"{names[mine]} shows the network's {names[theirs]}" for mine, theirs in enumerate(order) if mine != theirs
    ]
    more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
    return (
        f"the classes of {artifact} are in another order: {', '.join(moved[:3])}{more}; use the order of its channels"
    )


CHECK = ArtifactCheck("output", "are axes and classes of its answer the network's?", look)
