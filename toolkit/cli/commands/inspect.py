"""`segport inspect`: what is inside one artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = (
    "Examples: [bold]segport inspect runs/latest/artifacts/tflite-int8_static.tflite[/]  |  "
    "[bold]segport inspect net.mlpackage[/]"
)


def inspect(artifact: Annotated[Path, typer.Argument(help="A .tflite, .mlpackage or .onnx.")]) -> int:
    """Print inputs, outputs, operations and number types of an artifact, read from the file itself."""
    from rich.console import Console
    from rich.table import Table

    from converters.inspect import describe

    table = Table(title=str(artifact), show_header=False, title_justify="left")
    section = None
    for fact in describe(artifact):
        if fact.section != section:
            section = fact.section
            table.add_section()
            table.add_row(f"[bold]{section}[/]", "")
        table.add_row(fact.key, fact.value)
    Console().print(table)
    return 0


COMMAND = inspect
