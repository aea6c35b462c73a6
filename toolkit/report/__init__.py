"""Show the report of a run: the terminal's table, report.json, report.md, report.html and report.junit.xml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.document.schema import check, write_report
from toolkit.document.shape import ReportDocument
from toolkit.report import html, junit, markdown, terminal
from toolkit.run_folder.files import write_text

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["render_terminal", "write_all"]


def render_terminal(report: ReportDocument | Mapping[str, Any], console: Console) -> None:
    """Print verdict and table.

    Raises:
        UsageError: `report` is plain JSON, and not that of a report of schema 1.
    """
    terminal.render(_typed(report), console)


def write_all(report: ReportDocument | Mapping[str, Any], folder: Path) -> None:
    """Write report.json, report.md, report.html and report.junit.xml into `folder`.

    All are composed before the first is written, and each is written whole or not at all.

    Raises:
        UsageError: `report` is plain JSON, and not that of a report of schema 1.
    """
    typed = _typed(report)
    texts = {
        "report.md": markdown.render(typed),
        "report.html": html.render(typed, folder),
        "report.junit.xml": junit.render(typed),
    }
    write_report(typed, folder / "report.json")
    for name, text in texts.items():
        write_text(folder / name, text)


def _typed(report: ReportDocument | Mapping[str, Any]) -> ReportDocument:
    return report if isinstance(report, ReportDocument) else check(report)
