"""`segport report`: draw the report of a run folder again, with what other machines measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.screen import Screen
from toolkit.errors import ExitStatus, UsageError

EXAMPLES = (
    "Examples: [bold]segport report runs/latest[/]  |  [bold]segport report runs/latest --merge result.json[/]  |  "
    "[bold]segport report runs/latest --export phone.json[/]"
)


def report(
    folder: Annotated[Path, typer.Argument(help="Output folder that holds report.json.")] = Path("runs/latest"),
    merge: Annotated[
        list[Path] | None,
        typer.Option("--merge", help="Result of another machine (measure.py, --export); may be given several times."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write what an attached phone measured here as a result for another's --merge."),
    ] = None,
) -> int:
    """Show the table again and rewrite the reports from report.json; --merge takes results from other machines in."""
    from toolkit.pipeline import redraw

    if export is not None:
        from toolkit.devices.export import export_result

        if merge:
            raise UsageError("--export gives a result out and --merge takes one in; give one of them")
        Screen(quiet=False).show_exported(export_result(folder, export), export)
        return ExitStatus.PASS
    if merge:
        from toolkit.pipeline import merge as merge_results

        outcome = merge_results(folder, merge)
    else:
        outcome = redraw(folder)
    Screen(quiet=False).show_report(outcome)
    return outcome.status


COMMAND = report
