"""`segport compare`: what changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.apps.compare.allowed_changes import CompareLimits
from toolkit.cli.parameters import holding
from toolkit.errors import ExitStatus, UsageError
from toolkit.progress import plain_console
from toolkit.run_folder.files import write_json, write_text

EXAMPLES = (
    "Examples: [bold]segport compare runs/main runs/branch[/]  |  "
    "[bold]segport compare runs/main runs/branch --max-class-drop 0.02 --markdown changes.md[/]"
)


@holding(CompareLimits, "limits")
def compare(
    limits: CompareLimits,
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="Output folder of the run to compare with.")],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help="Output folder of the run that is judged.")],
    everything: Annotated[bool, typer.Option("--all", help="Show what is the same as well.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every row as JSON.")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="Write what changed as Markdown.")] = None,
) -> int:
    """Compare RUN_B with RUN_A; exit status 1 if anything got worse beyond the limits."""
    from toolkit.apps.compare.paired import paired_intervals
    from toolkit.apps.compare.runs import compare_runs
    from toolkit.apps.compare.showing import render_markdown, render_terminal
    from toolkit.document.outcome import load_outcome

    runs = [load_outcome(folder) for folder in (before, after)]
    options = [run.folder.load_manifest()["options"] for run in runs]
    reports = (runs[0].report, runs[1].report)
    paired = paired_intervals((runs[0].folder, runs[1].folder), reports)
    found = compare_runs(*reports, limits, (options[0], options[1]), paired)
    try:
        if json_file is not None:
            write_json(json_file, found.to_json())
        if markdown_file is not None:
            write_text(markdown_file, render_markdown(found))
    except OSError as error:
        raise UsageError(f"the comparison cannot be written ({error}); choose another file") from error
    render_terminal(found, plain_console(), everything=everything)
    return ExitStatus.GATE_FAILED if found.worse else ExitStatus.PASS


COMMAND = compare
