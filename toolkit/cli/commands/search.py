"""`segport search`: which layers must stay floats for every class to keep its limit."""

from __future__ import annotations

from toolkit.apps.search.options import SearchOptions
from toolkit.cli.parameters import Config, Given, Quiet, holding, taking
from toolkit.cli.screen import Screen
from toolkit.errors import ExitStatus
from toolkit.options import make_options
from toolkit.options.flag import Panel
from toolkit.progress import plain_console

EXAMPLES = (
    "Examples: [bold]segport search --max-class-drop 0.005[/]  |  "
    "[bold]segport search -m my_package.nets:build --weights net.safetensors --dataset folder:/data/streets "
    "--max-class-drop 0.01 --minimize latency -o runs/search[/]  |  [bold]segport run --policy "
    "runs/search/policy.toml[/]"
)


@taking(
    Panel.NETWORK,
    "dataset",
    "split",
    "images",
    "calibration_images",
    "threads",
    "latency_samples",
    "out",
    without=("input_shapes", "output_sizes"),
    defaults=True,
)
@holding(SearchOptions, "asked")
def search(given: Given, asked: SearchOptions, config: Config = None, quiet: Quiet = False) -> int:
    """Quantize each layer alone, then find which few to keep in float16 so that no class loses more than its limit."""
    from toolkit.apps.search.searching import search as run_search
    from toolkit.apps.search.showing import show

    screen = Screen(quiet)
    options = make_options(given, config)
    show(run_search(options, asked.limits, asked.minimize, asked.candidates, screen.progress), plain_console())
    return ExitStatus.PASS


COMMAND = search
