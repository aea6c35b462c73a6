"""Print the table in the terminal: verdict first, two-line cells where the window is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.document.shape import ReportDocument
from toolkit.report.content.agreement import COLUMNS, AgreementRow, agreement_rows
from toolkit.report.content.checks import check_lines
from toolkit.report.content.evidence import edges_sentence, findings_sentence
from toolkit.report.content.figures import (
    MISSING,
    STATUS_WORDS,
    VERDICT_WORDS,
    counted,
    fraction,
    interval,
    judged_where,
    listed,
    megabytes,
    milliseconds,
    points,
)
from toolkit.report.content.rows import MatrixRow, accuracy_words, gaps, matrix, summarize, worst_words
from toolkit.report.content.sizes import SizeRow, size_rows
from toolkit.report.content.terminal_reasons import reason_lines
from toolkit.report.content.times import time_tables

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_WIDE = 128
"""Columns from which every figure gets a column of its own."""
_CHECK_STYLES = {"pass": "dim", "warn": "yellow", "fail": "bold red", "not_run": "dim"}
_STYLES = {"pass": "green", "fail": "bold red", "not_run": "yellow"}


def render(document: ReportDocument, console: Console) -> None:
    """Print the report. Colours only where the console has them (Rich honours NO_COLOR)."""
    from rich.text import Text

    summary = summarize(document)
    console.print()
    console.print(Text(summary.headline, style=_STYLES[summary.status]))
    for sentence in summary.details:
        console.print(Text(sentence))
    console.print()
    console.print(_wide(document) if console.width >= _WIDE else _narrow(document))
    for reason in reason_lines(document):
        console.print(Text(reason.sentence, style="red" if reason.status == "fail" else "yellow"))
    if sizes := size_rows(document):
        console.print()
        console.print(_sizes(sizes))
    for table in time_tables(document):
        console.print()
        console.print(table)
    reference = document.reference
    where = judged_where(reference.judged_at, reference.evaluated_at)
    console.print(
        Text(
            f"Float reference ({reference.runner}): mIoU {fraction(reference.miou)} on "
            f"{counted(document.dataset.images, 'picture')} of {document.dataset.name}{where and f', {where}'}. "
            "1 pt is 0.01 of IoU; brackets hold the 95 % interval.",
            style="dim",
        )
    )
    for sentence in (document.model.scores_note, findings_sentence(document), edges_sentence(document)):
        if sentence:
            console.print(Text(sentence, style="dim"))
    if rows := agreement_rows(document):
        console.print(_agreement(rows))
    for line in check_lines(document.checks):
        console.print(Text(line.sentence, style=_CHECK_STYLES[line.status]))
    for gap in gaps(document):
        style = "red" if gap.status == "failed" else "dim"
        console.print(Text(f"{gap.what} {STATUS_WORDS[gap.status]}: {listed(gap.where)}: {gap.reason}", style=style))
    for warning in document.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))
    console.print()


def _wide(document: ReportDocument) -> Table:
    table = _table()
    for title in ("artifact", "runtime"):
        table.add_column(title, overflow="fold")
    for title in ("size", "mIoU", "change", "95 % interval"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("worst class", overflow="fold")
    for title in ("p50 ms", "p90 ms"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row, first in _rows(document):
        run = row.run
        table.add_row(
            _plain(row.artifact.name if first else ""),
            _plain(run.title if run else MISSING),
            megabytes(row.artifact.size_bytes) if first else "",
            _accuracy(row),
            points(run.delta_miou) if run else MISSING,
            interval(run.delta_miou_ci95) if run else "",
            _plain(worst_words(row)),
            *_times(row),
            _verdict(row) if first else "",
        )
    return table


def _narrow(document: ReportDocument) -> Table:
    table = _table()
    table.add_column("artifact\n  runtime", overflow="fold")
    for title in ("size", "mIoU", "change\n95 % interval"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("worst\nclass", overflow="fold")
    table.add_column("p50\np90 ms", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for row, first in _rows(document):
        run = row.run
        change = f"{points(run.delta_miou)}\n{interval(run.delta_miou_ci95)}".rstrip() if run else MISSING
        runtime = f"  {run.title}" if run else f"  {MISSING}"
        table.add_row(
            _plain(f"{row.artifact.name}\n{runtime}" if first else runtime),
            megabytes(row.artifact.size_bytes).replace(" ", "\n") if first else "",
            _accuracy(row),
            change,
            _plain(worst_words(row, "\n")),
            "\n".join(dict.fromkeys(_times(row))),
            _verdict(row) if first else "",
        )
    return table


def _agreement(rows: list[AgreementRow]) -> Table:
    table = _table()
    for number, title in enumerate(COLUMNS):
        table.add_column(title, overflow="fold", justify="right" if number in (2, 4, 5) else "left")
    for row in rows:
        table.add_row(*map(_plain, row.cells))
    return table


def _sizes(rows: list[SizeRow]) -> Table:
    """Draw one line a size, an artifact's name and runtime only where they begin."""
    table = _table()
    for title in ("artifact", "runtime"):
        table.add_column(title, overflow="fold")
    for title in ("answer", "mIoU", "change", "p50 ms"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        name, runtime = (row.name, row.runtime) if row.first else ("", "")
        table.add_row(_plain(name), _plain(runtime), row.size, row.miou, row.change, row.p50)
    return table


def _table() -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")


def _rows(document: ReportDocument) -> list[tuple[MatrixRow, bool]]:
    """Give rows, each with whether it is its artifact's first."""
    rows = matrix(document)
    return [(row, not i or rows[i - 1].artifact is not row.artifact) for i, row in enumerate(rows)]


def _accuracy(row: MatrixRow) -> str:
    return accuracy_words(row) or fraction(row.run.miou if row.run else None)


def _times(row: MatrixRow) -> tuple[str, str]:
    latency = row.run.latency_ms if row.run else None
    return (milliseconds(latency.p50), milliseconds(latency.p90)) if latency else (MISSING, MISSING)


def _verdict(row: MatrixRow) -> Text:
    from rich.text import Text

    status = row.artifact.verdict.status
    return Text(VERDICT_WORDS[status], style=_STYLES[status])


def _plain(text: str) -> Text:
    """Give text in which square brackets are brackets, not markup."""
    from rich.text import Text

    return Text(text)
