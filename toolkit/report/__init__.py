"""Reports of one run from one document: the terminal's table, report.json, report.md and report.html."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["render_terminal", "write_all"]


def render_terminal(document: Mapping[str, Any], console: Console) -> None:
    """Print verdict and table; raises UsageError if the document is not a report of schema 1."""
    from toolkit.document.schema import check
    from toolkit.report import terminal

    terminal.render(check(document), console)


def write_all(document: Mapping[str, Any], folder: Path) -> None:
    """Write report.json, report.md, report.html and report.junit.xml into `folder`.

    All are composed before the first is written, and each is written whole or not at all.

    Raises:
        UsageError: the document is not a report of schema 1.
    """
    from toolkit.document.schema import check, write_report
    from toolkit.report import html, junit, markdown
    from toolkit.run_folder.files import write_text

    checked = check(document)
    texts = {
        "report.md": markdown.render(checked),
        "report.html": html.render(checked, folder),
        "report.junit.xml": junit.render(checked),
    }
    write_report(document, folder / "report.json")
    for name, text in texts.items():
        write_text(folder / name, text)
