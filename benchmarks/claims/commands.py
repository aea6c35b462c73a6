"""The command line of the claims.

Train the baselines, measure one part of the page at a time, print the page's tables.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.claims.counts import WORK
from benchmarks.claims.page import PAGE, PARTS, latency_table, models_table, rewrite_table, sizes_table
from benchmarks.kept_page import drawn, keep_result, read_results


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit status. Errors are one sentence and status 2."""
    from converters import ConversionError, MissingToolError, SourceError
    from fpliif.errors import FPLIIFError
    from quantization import RecipeError
    from segdata.errors import DataError
    from toolkit.errors import UsageError
    from validation.errors import ValidationError

    options = _parser().parse_args(arguments)
    expected = (
        FPLIIFError,
        DataError,
        UsageError,
        ConversionError,
        MissingToolError,
        SourceError,
        RecipeError,
        ValidationError,
    )
    try:
        options.perform(options)
    except expected as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    from benchmarks.claims.baselines.networks import BASELINES

    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description="Measure what is claimed.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a baseline with FP-LIIF's budget, or go on training it")
    train.add_argument("baseline", choices=list(BASELINES))
    train.add_argument("--out", type=Path, default=Path("runs/train-baselines"), help="folder for pools and states")
    train.add_argument(
        "--config",
        type=Path,
        action="append",
        help="FP-LIIF's training config, once a stage; the 11-class ones when left out",
    )
    train.add_argument("--weights", type=Path, help="where the result goes; benchmarks/claims/weights when left out")
    train.set_defaults(perform=_train)
    measured = {
        "sizes": ("one FP-LIIF at several output sizes against resizing its answer", _sizes),
        "accuracy": ("weight, work and accuracy of every trained network, in float and int8", _accuracy),
        "latency": ("LiteRT's time for every network; on a quiet machine", _latency),
        "rewrite": ("FP-LIIF's first pixel layer in every exact form; with --time on a quiet machine", _rewrite),
        "tables": ("print what was measured", _tables),
    }
    for name, (summary, perform) in measured.items():
        command = commands.add_parser(name, help=summary)
        command.add_argument("--page", type=Path, default=PAGE, help="the document with the markers")
        command.set_defaults(perform=perform)
        if name != "tables":
            command.add_argument("--work", type=Path, default=WORK, help="folder for pictures, counts and artifacts")
        if name in ("sizes", "accuracy", "rewrite"):
            command.add_argument("--images", type=_positive, default=100, help="held-out pictures (default 100)")
        if name == "rewrite":
            command.add_argument("--time", action="store_true", help="add the times, and leave all else as it is")
        if name == "latency":
            command.add_argument("--threads", type=_positive, default=1, help="threads of the runtime (default 1)")
        if name in ("latency", "rewrite"):
            command.add_argument("--seconds", type=_positive, default=20, help="sampling time each (default 20)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is too small; give 1 or more")
    return value


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _sizes(options: argparse.Namespace) -> None:
    from benchmarks.claims.sizes import measure_sizes

    def tell(done: int, wanted: int) -> None:
        if done % 10 == 0 or done == wanted:
            _say(f"{done}/{wanted} pictures")

    keep_result(options.page, PARTS, "sizes", measure_sizes(options.images, options.work, tell))
    print(sizes_table(read_results(options.page)), end="")


def _accuracy(options: argparse.Namespace) -> None:
    from benchmarks.claims.accuracy import measure_accuracy

    keep_result(options.page, PARTS, "models", measure_accuracy(options.images, options.work, _say))
    print(models_table(read_results(options.page)), end="")


def _latency(options: argparse.Namespace) -> None:
    from benchmarks.claims.latency import measure_latency

    measured = measure_latency(options.threads, float(options.seconds), options.work, _say)
    keep_result(options.page, PARTS, "latency", measured)
    print(latency_table(read_results(options.page)), end="")


def _rewrite(options: argparse.Namespace) -> None:
    from benchmarks.claims.first_layer.rewrite import measure_rewrite, measure_times

    before = read_results(options.page).get("rewrite", {})
    measured = (
        measure_times(float(options.seconds), options.work, before, _say)
        if options.time
        else measure_rewrite(options.images, options.work, before, _say)
    )
    keep_result(options.page, PARTS, "rewrite", measured)
    print(rewrite_table(read_results(options.page)), end="")


def _tables(options: argparse.Namespace) -> None:
    print(drawn(PARTS, read_results(options.page)), end="")


def _train(options: argparse.Namespace) -> None:
    from benchmarks.claims.baselines.training import STAGES, train_baseline
    from fpliif.training.config import TrainConfig
    from fpliif.training.showing.progress import TerminalProgress

    stages = [TrainConfig.from_toml(path) for path in options.config or STAGES]
    with TerminalProgress() as progress:
        print(train_baseline(options.baseline, stages, options.out, [progress], options.weights))
