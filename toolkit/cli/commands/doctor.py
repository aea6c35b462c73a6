"""`segport doctor`: what works on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.progress import plain_console

EXAMPLES = "Examples: [bold]segport doctor[/]  |  [bold]segport doctor --setup tflite-runtime[/]"


def doctor(
    setup: Annotated[
        str | None, typer.Option("--setup", help="Create a runner's own environment: tflite-runtime, arm64, web.")
    ] = None,
) -> int:
    """Really convert and run a tiny network with every tool, and say what to type for what is missing."""
    from toolkit.apps import doctor as checks

    console = plain_console()
    if setup is not None:
        return checks.set_up(setup, console)
    return checks.examine(console)


COMMAND = doctor
