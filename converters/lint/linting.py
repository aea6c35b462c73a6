"""An artifact against every target of its format: what is not taken, where the graph splits, what avoids it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from converters.lint.graph import LintGraph, Step
from converters.lint.partition import Part, partition
from converters.lint.reading import read_graph
from converters.lint.target import Target, targets

_NAMED = 3
"""Places that a finding names."""


@dataclass(frozen=True)
class LintFinding:
    """One reason, with the operations it holds for.

    Attributes:
        operations: how many of which.
        where: names of the first of them.
        reason, rewrite, source: see `Rule`.
        splits: True if the target leaves them to the CPU.
    """

    operations: dict[str, int]
    where: tuple[str, ...]
    reason: str
    rewrite: str
    source: str
    splits: bool


@dataclass(frozen=True)
class LintReport:
    """One target's view of an artifact.

    Attributes:
        target, title: which.
        operations: in the file, those on constants alone left out.
        taken: of them, by the target.
        partitions: pieces that the target runs.
        between: by piece that is left to the CPU, in order: how many of which operations.
        findings: see `LintFinding`; those that split first.
        sentence: the answer.
        caveat: what the lint cannot know.
    """

    target: str
    title: str
    operations: int
    taken: int
    partitions: int
    between: tuple[dict[str, int], ...]
    findings: tuple[LintFinding, ...]
    sentence: str
    caveat: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        document = asdict(self)
        document["between"] = list(self.between)
        document["findings"] = [{**asdict(item), "where": list(item.where)} for item in self.findings]
        return document


def lint(path: Path, signature: str | None = None) -> list[LintReport]:
    """Return every target's view of the artifact at `path`; empty for formats no target runs.


    Args:
        path: .tflite, .mlpackage or .onnx.
        signature: of a file with several, the one that is called.

    Raises:
        SourceError: missing, damaged, or of another kind.
        MissingToolError: the package that reads this kind is not installed.
    """
    graph = read_graph(path, signature)
    return (
        []
        if graph is None
        else [lint_graph(graph, target) for target in targets().values() if target.format == graph.format]
    )


def lint_graph(graph: LintGraph, target: Target) -> LintReport:
    """Return one target's view of a graph."""
    reasons = [list(_reasons(step, target)) for step in graph.steps]
    # What reads constants alone is computed once, whoever does it.
    counted = [bool(step.flowing) for step in graph.steps]
    taken = [not any(item[3] for item in found) for found in reasons]
    taken = [mine or not counts for mine, counts in zip(taken, counted, strict=True)]
    parts = partition(graph, taken)
    grouped: dict[tuple[str, str, str, bool], list[Step]] = {}
    for step, found, counts in zip(graph.steps, reasons, counted, strict=True):
        for reason in found if counts else ():
            grouped.setdefault(reason, []).append(step)
    findings = [
        LintFinding(dict(Counter(step.op for step in steps)), tuple(step.where for step in steps[:_NAMED]), *reason)
        for reason, steps in grouped.items()
    ]
    between = tuple(dict(Counter(graph.steps[place].op for place in part.places)) for part in parts if not part.taken)
    total, mine = sum(counted), sum(one and counts for one, counts in zip(taken, counted, strict=True))
    pieces = sum(_worth_counting(part, counted) for part in parts)
    return LintReport(
        target.name,
        target.title,
        total,
        mine,
        pieces,
        between,
        tuple(sorted(findings, key=lambda item: not item.splits)),
        _sentence(target, total, mine, pieces, between),
        target.caveat,
    )


def _worth_counting(part: Part, counted: list[bool]) -> bool:
    return part.taken and any(counted[place] for place in part.places)


def _reasons(step: Step, target: Target) -> Iterator[tuple[str, str, str, bool]]:
    """Yield (reason, rewrite, source, splits) of all that speaks against a step."""
    if target.takes is not None and step.op not in target.takes:
        rewrite = target.rewrites.get(
            step.op, "express it through operations that are taken, or keep it out of the graph"
        )
        yield f"{target.title} does not take it", rewrite, target.source, True
        return
    applying = [rule for rule in target.rules if rule.applies(step)]
    # What is left to the CPU anyway needs no further note.
    splitting = [rule for rule in applying if rule.splits]
    for rule in splitting or applying:
        yield rule.reason, rule.rewrite, rule.source, rule.splits


def _sentence(target: Target, total: int, taken: int, pieces: int, between: tuple[dict[str, int], ...]) -> str:
    if taken == total:
        return (
            f"{target.title}: takes all {total} operations in one piece"
            if pieces == 1
            else f"{target.title}: takes all {total} operations"
        )
    if taken == 0:
        return f"{target.title}: takes none of the {total} operations"
    left: Counter[str] = Counter()
    for piece in between:
        left.update(piece)
    named = ", ".join(f"{count} {op}" for op, count in left.most_common(3))
    more = f" and {len(left) - 3} other kinds" if len(left) > 3 else ""
    word = "piece" if pieces == 1 else "pieces"
    return f"{target.title}: takes {taken} of {total} operations in {pieces} {word}; left to the CPU: {named}{more}"
