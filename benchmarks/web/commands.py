"""The command line: measure the web backend, fill in its page, take the demo's picture.

python -m benchmarks.web measure       (on a quiet machine: equality, then latency)
python -m benchmarks.web equality      (anywhere)
python -m benchmarks.web screenshot
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept_page import keep_result, read_results
from benchmarks.web.page import PAGE, PARTS

WORK = Path("runs/web-benchmark")


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. Errors that are expected are one sentence."""
    from toolkit.errors import exit_status, sentence

    options = _parser().parse_args(arguments)
    try:
        options.perform(options)
    except Exception as error:
        status = exit_status(error)
        if status is None:
            raise
        print(f"error: {sentence(error)}", file=sys.stderr)
        return status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description="Measure the web backend.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary, perform in (
        ("measure", "equality and latency, into the page; on a quiet machine", _measure),
        ("equality", "LiteRT.js' answers against LiteRT's, into the page", _equality),
        ("latency", "percentiles in Node, Chromium and LiteRT, into the page; on a quiet machine", _latency),
        ("screenshot", "the exported demo on a phone's screen, into docs/images", _screenshot),
    ):
        command = commands.add_parser(name, help=summary)
        command.set_defaults(perform=perform)
        command.add_argument("--work", type=Path, default=WORK, help="run folder for the artifacts")
        command.add_argument("--page", type=Path, default=PAGE, help="the document with the markers")
        if name in ("measure", "equality"):
            command.add_argument("--images", type=_positive, default=16, help="held-out drawn faces (default 16)")
        if name in ("measure", "latency"):
            command.add_argument(
                "--seconds", type=float, default=30.0, help="sampling time of each at most (default 30)"
            )
        if name == "screenshot":
            command.add_argument("--time", action="store_true", help="show the time; on a quiet machine")
            command.add_argument("--dark", action="store_true", help="in the dark colours")
            command.add_argument("--picture", type=Path, help="where to; docs/images/web-demo.png when left out")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is too small; give 1 or more")
    return value


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure(options: argparse.Namespace) -> None:
    _equality(options)
    _latency(options)


def _equality(options: argparse.Namespace) -> None:
    from benchmarks.web.measurements import artifacts, equality

    _keep(options.page, "equality", equality(artifacts(options.work, _say), options.images, _say))


def _latency(options: argparse.Namespace) -> None:
    from benchmarks.web.measurements import artifacts, latency

    _keep(options.page, "latency", latency(artifacts(options.work, _say), options.seconds, _say))


def _keep(page: Path, part: str, result: dict[str, object]) -> None:
    keep_result(page, PARTS, part, result)
    print(PARTS[part](read_results(page)), end="")


def _screenshot(options: argparse.Namespace) -> None:
    from benchmarks.web.measurements import artifacts
    from benchmarks.web.screenshot import PICTURE, small_png, take
    from fpliif.checkpoint import replace_file
    from toolkit.apps.web_demo.choosing import chosen_from_run
    from toolkit.apps.web_demo.exporting import export

    artifacts(options.work, _say)
    with tempfile.TemporaryDirectory() as temporary, chosen_from_run(options.work) as chosen:
        demo = export(chosen, Path(temporary) / "demo").folder
        content = small_png(take(demo, "dark" if options.dark else "light", options.time))
    path = options.picture or PICTURE
    replace_file(path, content)
    print(f"{len(content) / 1000:.0f} kB  {path}")
