"""segport's 8 bits against other quantizers': one network, the same calibration pictures, the same held-out faces.

    python -m benchmarks.quantizers                      (peers; 400 faces; on a quiet machine)
    python -m benchmarks.quantizers --variants           (segport's own methods and repairs)
    python -m benchmarks.quantizers --fine-tuned         (networks fine-tuned for integers, class by class)
    python -m benchmarks quantizers                      (prints what was measured)

All write their table into docs/measured/quantizers.md and docs/measured/figures/quantizers.json. Whatever was
measured is kept in `--work`: the same command goes on where it was stopped.
"""

from __future__ import annotations


def main() -> None:
    """Print the tables measured so far."""
    from benchmarks.kept_page import drawn, read_results
    from benchmarks.quantizers.page import PAGE, PARTS

    print(drawn(PARTS, read_results(PAGE)))
