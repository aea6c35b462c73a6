"""`segport report`: draw the report of a run folder again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = "Example: [bold]segport report runs/latest[/]"


def report(
    folder: Annotated[Path, typer.Argument(help="Output folder that holds report.json.")] = Path("runs/latest"),
) -> int:
    """Show the table again and rewrite report.md and report.html from report.json."""
    from toolkit.cli.screen import Screen
    from toolkit.pipeline import redraw

    outcome = redraw(folder)
    Screen(quiet=False).show_report(outcome)
    return outcome.status


COMMAND = report
