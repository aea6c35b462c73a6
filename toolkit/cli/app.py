"""Find the commands: every module in `toolkit.cli.commands` that defines COMMAND (a function) is one."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import typer

from toolkit import __version__
from toolkit.cli import commands

ORDER = ("run", "convert", "validate", "bench", "report", "train", "search", "inspect", "compare", "web_demo", "doctor")


def build(wanted: str = "") -> Any:
    """Make the command line as one click command: with the command `wanted` alone, or with all if there is none of that
    name.
    """
    app = typer.Typer(
        name="segport",
        help="Quantize a segmentation network, convert it to TFLite and Core ML, and prove class by class that it "
        "works.",
        epilog="Exit status: 0 gates pass, 1 a gate failed, 2 bad input, 3 not installed, 4 a tool failed, 130 Ctrl-C. "
        "Any command takes --debug for tracebacks.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    names = [info.name for info in pkgutil.iter_modules(commands.__path__)]
    names.sort(key=lambda item: (ORDER.index(item) if item in ORDER else len(ORDER), item))
    # Reading one command takes a fraction of the time that all of them take.
    for name in [name for name in names if name.replace("_", "-") == wanted] or names:
        module = importlib.import_module(f"{commands.__name__}.{name}")
        app.command(name.replace("_", "-"), epilog=module.EXAMPLES)(module.COMMAND)
    return typer.main.get_command(app)


def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(f"segport {__version__}")
        raise typer.Exit
