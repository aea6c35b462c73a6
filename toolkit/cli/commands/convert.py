"""`segport convert`: quantize and convert only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.parameters import Config, Given, Quiet, taking
from toolkit.cli.screen import Screen
from toolkit.errors import UsageError
from toolkit.options import make_options
from toolkit.options.flag import Panel

EXAMPLES = (
    "Examples: [bold]segport convert -o runs/phone -f tflite -r int8_static[/]  |  "
    "[bold]segport convert -f coreml -r float16 --output labels --output-size 512[/]  |  "
    "[bold]segport convert --again runs/phone[/]"
)


@taking(Panel.NETWORK, "dataset", Panel.CALIBRATION, Panel.CONVERSION, Panel.PROCESSES, "out", defaults=True)
def convert(
    given: Given,
    config: Config = None,
    again: Annotated[
        Path | None,
        typer.Option(
            "--again", help="Make the artifacts of this run folder again, with its recorded options and any given here."
        ),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Write artifacts and their manifest; what is already there and unchanged is reused."""
    from toolkit.pipeline import convert as convert_pipeline
    from toolkit.run_folder.folder import recorded_options

    if again is not None and not (config is None and given["model"] is None and given["out"] is None):
        raise UsageError("--again takes model, folder and options from a run; leave out --model, --config and --out")
    options = make_options(given, config) if again is None else recorded_options(again, given)
    screen = Screen(quiet)
    conversion = convert_pipeline(options, screen.progress)
    screen.show_artifacts(conversion)
    return conversion.status


COMMAND = convert
