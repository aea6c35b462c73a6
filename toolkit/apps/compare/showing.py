"""Show a comparison of two runs to people: the terminal's table and Markdown from the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.apps.compare.runs import ComparedFact, RunComparison
from toolkit.report.content.figures import MISSING, counted, fraction, megabytes, milliseconds, plainly, points

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"worse": "bold red", "better": "green", "changed": "yellow", "same": "dim"}
_COLUMNS = ("where", "what", "A", "B", "change", "finding")


def headline(found: RunComparison) -> str:
    """Write the answer in a sentence."""
    if found.worse:
        return f"{counted(len(found.worse), 'figure')} got worse beyond the limits."
    if not found.changed:
        return "Nothing changed."
    return f"Nothing got worse beyond the limits; {counted(len(found.changed), 'thing')} changed."


def cells(row: ComparedFact) -> tuple[str, ...]:
    """Give a row's words, one per column."""
    finding = f"{row.finding} ({row.note})" if row.note else row.finding
    return row.where, row.what, _value(row.before, row.unit), _value(row.after, row.unit), _change(row), finding


def render_terminal(found: RunComparison, console: Console, *, everything: bool = False) -> None:
    """Print the answer, then what changed (or everything), what got worse first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console.print(Text(headline(found), style="bold red" if found.worse else "green"))
    rows = _ordered(found.rows if everything else found.changed)
    if rows:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
        for column in _COLUMNS:
            table.add_column(column, overflow="fold", justify="right" if column == "change" else "left")
        for row in rows:
            *words, finding = cells(row)
            table.add_row(*map(Text, words), Text(finding, style=_STYLES[row.finding]))
        console.print(table)
    for note in found.notes:
        console.print(Text(f"note: {note}", style="yellow"))


def render_markdown(found: RunComparison) -> str:
    """Write the same as Markdown, what changed only."""
    lines = [f"**{headline(found)}**", ""]
    if found.changed:
        lines += [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
        lines += [_line(cells(row)) for row in _ordered(found.changed)]
        lines.append("")
    lines += [f"Note: {note}." for note in found.notes]
    limits = found.limits
    lines.append(
        f"Limits: mean IoU {points(-limits.miou_drop)}, a class {points(-limits.class_drop)}, "
        f"latency {limits.latency_growth:+.0%}, size {limits.size_growth:+.0%}, "
        f"instructions {limits.instruction_growth:+.0%}."
    )
    return "\n".join(lines) + "\n"


def _ordered(rows: Sequence[ComparedFact]) -> list[ComparedFact]:
    """Put what got worse first; otherwise as they come."""
    return sorted(rows, key=lambda row: row.finding != "worse")


def _line(words: Sequence[str]) -> str:
    return "| " + " | ".join(word.replace("|", "\\|").replace("\n", " ") for word in words) + " |"


def _value(value: Any, unit: str) -> str:
    if value is None:
        return MISSING
    if unit == "iou":
        return fraction(value)
    if unit == "ms":
        return f"{milliseconds(value)} ms"
    if unit == "bytes":
        return megabytes(value)
    if unit == "instructions":
        return f"{value:,}"
    text = plainly(value)
    return text if len(text) <= 40 else f"{text[:16]}…"


def _change(row: ComparedFact) -> str:
    if row.change is None:
        return ""
    return points(row.change) if row.unit == "iou" else f"{row.change:+.1%}"
