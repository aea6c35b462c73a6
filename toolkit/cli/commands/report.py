"""`segport report`: draw the report of a run folder again, with what other machines measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = "Examples: [bold]segport report runs/latest[/]  |  [bold]segport report runs/latest --merge result.json[/]"


def report(
    folder: Annotated[Path, typer.Argument(help="Output folder that holds report.json.")] = Path("runs/latest"),
    merge: Annotated[
        list[Path] | None,
        typer.Option("--merge", help="result.json of a bundle's measure.py; may be given several times."),
    ] = None,
) -> int:
    """Show the table again and rewrite the reports from report.json; --merge takes results from other machines in."""
    from toolkit.cli.screen import Screen
    from toolkit.pipeline import redraw

    if merge:
        from toolkit.merge import merge as merge_results

        outcome = merge_results(folder, merge)
    else:
        outcome = redraw(folder)
    Screen(quiet=False).show_report(outcome)
    return outcome.status


COMMAND = report
