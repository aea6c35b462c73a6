"""The command line of the benchmark of quantizers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept_page import keep_result, read_results
from benchmarks.quantizers.fine_tuned import fine_tuned_table, measure_fine_tuned
from benchmarks.quantizers.page import IMAGES, PAGE, PARTS, table
from benchmarks.quantizers.peers import PEERS, VARIANTS
from benchmarks.quantizers.recipes import merged, read_recipes, recipes_table
from benchmarks.quantizers.results import measure
from benchmarks.quantizers.setting import Setting


def run(arguments: Sequence[str]) -> int:
    """Run the benchmark; the exit status. Errors are one sentence and status 2."""
    from converters import ConversionError, MissingToolError, SourceError
    from quantization import RecipeError
    from segdata.errors import DataError
    from toolkit.errors import UsageError
    from validation.errors import ValidationError

    options = _parser().parse_args(arguments)
    expected = (DataError, UsageError, ConversionError, MissingToolError, SourceError, RecipeError, ValidationError)
    try:
        _perform(options)
    except expected as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantizers", description="8 bits, by whom?")
    parser.add_argument(
        "--variants", action="store_true", help="segport's own methods and repairs instead of other tools"
    )
    parser.add_argument(
        "--fine-tuned", action="store_true", help="networks fine-tuned for integers against post-training quantization"
    )
    parser.add_argument("--recipes", type=Path, metavar="RUN", help="a finished run over all recipes, for their table")
    parser.add_argument("--only", help="comma-separated rows; the page stays as it is")
    parser.add_argument("--images", type=int, default=IMAGES, help="how many drawn faces judge")
    parser.add_argument("--split", choices=("val", "test"), help="test for other tools, val for variants, by default")
    parser.add_argument("--calibration", type=int, default=32, help="how many training pictures fix the ranges")
    parser.add_argument("--latency-samples", type=int, default=40, help="timed inferences each; 0 for none")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/quantizers"), help="folder for everything kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="the document with the markers")
    return parser


def _perform(options: argparse.Namespace) -> None:
    from toolkit.errors import UsageError

    if options.recipes:
        found = merged(read_results(options.page).get("recipes"), read_recipes(options.recipes))
        print(recipes_table(found))
        keep_result(options.page, PARTS, "recipes", found)
        return
    if options.fine_tuned:
        _perform_fine_tuned(options)
        return
    part, peers = ("variants", VARIANTS) if options.variants else ("peers", PEERS)
    # What is chosen by this table must not be judged by the pictures that chose it.
    split = options.split or ("val" if options.variants else "test")
    if options.only:
        wanted = options.only.split(",")
        known = {peer.name: peer for peer in peers}
        if missing := [name for name in wanted if name not in known]:
            raise UsageError(f"no row is called {missing[0]!r}; choose from: {', '.join(known)}")
        peers = tuple(known[name] for name in wanted)
    setting = _setting(options)
    samples = 0 if options.variants else options.latency_samples
    result = measure(peers, setting, split, options.images, samples, _tell)
    print(table(part, result))
    if not options.only:
        keep_result(options.page, PARTS, part, result)


def _perform_fine_tuned(options: argparse.Namespace) -> None:
    result = measure_fine_tuned(_setting(options), options.images, _tell)
    print(fine_tuned_table(result))
    keep_result(options.page, PARTS, "fine-tuned", result)


def _setting(options: argparse.Namespace) -> Setting:
    from toolkit.options import checked_options

    given = {
        "formats": ("tflite",),
        "recipes": ("int8_static",),
        "calibration_images": options.calibration,
        "threads": options.threads,
        "images": options.images,
    }
    return Setting(checked_options(given), options.work)


def _tell(said: str) -> None:
    print(said, file=sys.stderr, flush=True)
