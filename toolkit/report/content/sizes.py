"""Answer "which output size?" by a table: what each of an artifact's sizes is worth, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.document.run_shape import Latency, Run, Size
from toolkit.document.shape import ReportDocument
from toolkit.report.content.figures import MISSING, fraction, interval, milliseconds, points
from toolkit.report.content.rows import MatrixRow, accuracy_words, worst_words

FLOAT = "float reference"


@dataclass(frozen=True)
class SizeRow:
    """One answer size of one artifact in one runtime, in words.

    `first` is True where another artifact or runtime begins.
    """

    name: str
    runtime: str
    size: str
    miou: str
    change: str
    interval: str
    worst: str
    p50: str
    p90: str
    first: bool


def size_rows(document: ReportDocument) -> list[SizeRow]:
    """Make rows of the float reference, then of every artifact with several sizes in every runtime.

    Nothing without such artifacts.
    """
    if not any(artifact.signatures for artifact in document.artifacts):
        return []
    reference = document.reference
    rows = [
        SizeRow(
            FLOAT,
            reference.runner,
            size_words(at.output_size),
            fraction(at.miou),
            MISSING,
            "",
            MISSING,
            *_times(at.latency_ms),
            first=number == 0,
        )
        for number, at in enumerate(sorted(reference.sizes, key=lambda at: at.output_size))
    ]
    for artifact in document.artifacts:
        runs = [run for run in artifact.runs if run.signature is not None and run.output_size is not None]
        before = None
        for run in runs:
            row = MatrixRow(artifact, run)
            rows.append(_row(row, run, first=run.title != before))
            before = run.title
    return rows


def _row(row: MatrixRow, run: Run, *, first: bool) -> SizeRow:
    return SizeRow(
        row.artifact.name,
        run.title,
        MISSING if run.output_size is None else size_words(run.output_size),
        accuracy_words(row) or fraction(run.miou),
        points(run.delta_miou),
        interval(run.delta_miou_ci95),
        worst_words(row),
        *_times(run.latency_ms),
        first=first,
    )


def size_words(size: Size) -> str:
    """Write ``256 x 320``: height and width of an answer."""
    return f"{size[0]} x {size[1]}"


def _times(latency: Latency | None) -> tuple[str, str]:
    return (milliseconds(latency.p50), milliseconds(latency.p90)) if latency else (MISSING, MISSING)
