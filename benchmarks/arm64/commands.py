"""The command line: measure, keep the figures beside docs/measured/arm64.md and write its table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arm64.page import PAGE, PARTS
from benchmarks.kept_page import drawn, keep_result, read_results


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and write the page; errors are one sentence and status 2. What was asked already is not asked again."""
    from benchmarks.arm64.measuring import Asked, measure
    from converters import ConversionError, MissingToolError
    from fpliif.errors import FPLIIFError
    from toolkit.errors import UsageError
    from validation.errors import ValidationError
    from validation.runners.arm64.profiles import PROFILES

    parser = argparse.ArgumentParser(prog="python -m benchmarks.arm64", description=__doc__)
    parser.add_argument(
        "--cpus", default=",".join(PROFILES), help="profiles; accuracy is judged on the first (default: all)"
    )
    parser.add_argument("--images", type=int, default=8, help="pictures compared bit by bit on each CPU (default 8)")
    parser.add_argument("--accuracy-images", type=int, default=32, help="pictures judged on the first CPU (default 32)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the document with the markers")
    parser.add_argument("--work", type=Path, default=Path("runs/arm64-bench"), help="folder for artifacts and answers")
    options = parser.parse_args(arguments)
    cpus = tuple(options.cpus.split(","))
    if unknown := [cpu for cpu in cpus if cpu not in PROFILES]:
        parser.error(f"no CPU is called {unknown[0]!r}; choose from {', '.join(PROFILES)}")
    if min(options.images, options.accuracy_images) < 1:
        parser.error("give 1 picture or more")

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        asked = Asked(cpus, options.images, options.accuracy_images)
        keep_result(options.page, PARTS, "arm64", measure(asked, options.work, tell))
    except (UsageError, FPLIIFError, ValidationError, ConversionError, MissingToolError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is kept", file=sys.stderr)
        sys.exit(130)
    print(drawn(PARTS, read_results(options.page)), end="")
