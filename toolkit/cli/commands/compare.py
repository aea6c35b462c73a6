"""`segport compare`: what changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = (
    "Examples: [bold]segport compare runs/main runs/branch[/]  |  "
    "[bold]segport compare runs/main runs/branch --max-class-drop 0.02 --markdown changes.md[/]"
)


def compare(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="Output folder of the run to compare with.")],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help="Output folder of the run that is judged.")],
    max_miou_drop: Annotated[float, typer.Option(help="Fraction of mean IoU a run may lose.")] = 0.005,
    max_class_drop: Annotated[float, typer.Option(help="Fraction of IoU one class may lose.")] = 0.01,
    max_latency_growth: Annotated[float, typer.Option(help="Growth of the median time, 0.2 for 20 %.")] = 0.2,
    max_size_growth: Annotated[float, typer.Option(help="Growth of a file, 0.05 for 5 %.")] = 0.05,
    max_instruction_growth: Annotated[
        float, typer.Option(help="Growth of the executed instructions of an inference, 0.01 for 1 %.")
    ] = 0.01,
    everything: Annotated[bool, typer.Option("--all", help="Show what is the same as well.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every row as JSON.")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="Write what changed as Markdown.")] = None,
) -> int:
    """Compare RUN_B with RUN_A; exit status 1 if anything got worse beyond the limits."""
    from rich.console import Console

    from toolkit.apps.compare.paired import paired_intervals
    from toolkit.apps.compare.runs import CompareLimits, compare_runs
    from toolkit.apps.compare.showing import render_markdown, render_terminal
    from toolkit.document.outcome import load_outcome
    from toolkit.errors import ExitStatus, UsageError
    from toolkit.run_folder.files import write_json, write_text

    limits = CompareLimits(max_miou_drop, max_class_drop, max_latency_growth, max_size_growth, max_instruction_growth)
    runs = [load_outcome(folder) for folder in (before, after)]
    options = [run.folder.load_manifest()["options"] for run in runs]
    documents = (runs[0].document, runs[1].document)
    paired = paired_intervals((runs[0].folder, runs[1].folder), documents)
    found = compare_runs(*documents, limits, (options[0], options[1]), paired)
    try:
        if json_file is not None:
            write_json(json_file, found.to_json())
        if markdown_file is not None:
            write_text(markdown_file, render_markdown(found))
    except OSError as error:
        raise UsageError(f"the comparison cannot be written ({error}); choose another file") from error
    render_terminal(found, Console(), everything=everything)
    return ExitStatus.GATE_FAILED if found.worse else ExitStatus.PASS


COMMAND = compare
