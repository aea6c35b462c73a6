"""`segport run`: quantize, convert, validate and report."""

from __future__ import annotations

from toolkit.cli.parameters import Config, Given, Quiet, taking
from toolkit.cli.screen import Screen
from toolkit.options import make_options
from toolkit.options.flag import Panel

EXAMPLES = (
    "Examples: [bold]segport run[/]  |  [bold]segport run --dataset lapa:/data/LaPa --images 500[/]  |  "
    "[bold]segport run -m my_package.nets:build --weights net.safetensors --classes names.txt "
    "--dataset folder:/data/streets --input-size 512 --recipes float16,int8_static[/]"
)


@taking(*Panel, without=("per_op",), defaults=True)
def run(given: Given, config: Config = None, quiet: Quiet = False) -> int:
    """Quantize, convert, run every artifact, and report per-class IoU and latency against the float reference."""
    from toolkit.pipeline import run as run_pipeline

    screen = Screen(quiet)
    outcome = run_pipeline(make_options(given, config), screen.progress)
    screen.show_report(outcome)
    return outcome.status


COMMAND = run
