"""The command line of the benchmark of foreign networks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.kept_page import keep_result, read_results
from benchmarks.networks.networks import DEFAULT, NETWORKS, ON_REQUEST
from benchmarks.networks.page import PAGE, PART, PARTS, table


def run(arguments: Sequence[str]) -> int:
    """Run the benchmark; the exit status. Errors are one sentence and status 2."""
    from converters import SourceError
    from toolkit.errors import UsageError

    options = _parser().parse_args(arguments)
    try:
        _perform(options)
    except (UsageError, SourceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description="Networks of other people's.")
    parser.add_argument("--only", help="comma-separated networks; the others keep what was measured")
    parser.add_argument("--every-recipe", action="store_true", help="recipes on request too")
    parser.add_argument("--pictures", type=int, default=8, help="how many drawn faces judge")
    parser.add_argument("--calibration", type=int, default=8, help="how many training pictures fix the ranges")
    parser.add_argument("--work", type=Path, default=Path("runs/networks"), help="folder for everything kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="the document with the markers")
    parser.add_argument("--no-page", action="store_true", help="print the table and leave the document alone")
    return parser


def _perform(options: argparse.Namespace) -> None:
    from benchmarks.networks.measuring import Setting, measure
    from toolkit.errors import UsageError

    known = {network.name: network for network in NETWORKS}
    wanted = options.only.split(",") if options.only else list(known)
    if missing := [name for name in wanted if name not in known]:
        raise UsageError(f"no network is called {missing[0]!r}; choose from: {', '.join(known)}")
    recipes = DEFAULT + ON_REQUEST if options.every_recipe else DEFAULT
    setting = Setting(options.work, options.pictures, options.calibration, recipes)
    kept: dict[str, Any] = read_results(options.page).get(PART, {}).get("networks", {})
    for name in wanted:
        row = measure(known[name], setting, lambda said: print(said, file=sys.stderr, flush=True))
        kept = {item: {**kept, name: row}[item] for item in known if item in {**kept, name: row}}
        result = {"pictures": options.pictures, "calibration": options.calibration, "networks": kept}
        if not options.no_page:
            keep_result(options.page, PARTS, PART, result)
    print(table({"pictures": options.pictures, "calibration": options.calibration, "networks": kept}))
