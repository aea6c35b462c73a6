"""What a validation costs beyond the inferences: time, memory along many pictures, two workers against one, the
bootstrap.

python -m benchmarks.validation --write            (on a quiet machine; fills in docs/measured/validation.md and its
figure) python -m benchmarks.validation --images 40        (a quick look; prints only)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

IMAGES = 1000
WORKERS_SHARE = 5
"""Two workers are compared on a fifth of the pictures, with the shipped network."""


def main(arguments: Sequence[str] = ()) -> None:
    """Measure, print, and with --write fill in the page."""
    from benchmarks.validation.measurements import bootstrap, memory, overhead, workers
    from benchmarks.validation.page import lines, write_page

    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    parser.add_argument(
        "--images", type=int, default=IMAGES, help="pictures for memory, bootstrap and (a fifth) workers"
    )
    parser.add_argument(
        "--write", action="store_true", help="fill in docs/measured/validation.md and docs/images/memory.png"
    )
    options = parser.parse_args(arguments)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        remembered, curves = memory(folder, options.images, tell)
        figures = {
            "memory": remembered,
            "bootstrap": bootstrap(options.images),
            "overhead": overhead(folder, tell, rounds=5 if options.images >= IMAGES else 1),
            "workers": workers(folder, max(16, options.images // WORKERS_SHARE), tell),
        }
    print("\n".join(lines(figures)))
    if options.write:
        write_page(figures, curves)
