"""What is claimed of FP-LIIF, measured: several output sizes from one model, and its rank beside two public designs.

    python -m benchmarks.claims train unet        (and bisenet; with the budget of FP-LIIF)
    python -m benchmarks.claims sizes
    python -m benchmarks.claims accuracy
    python -m benchmarks.claims latency           (on a quiet machine)
    python -m benchmarks.claims rewrite           (and again with --time, on a quiet machine)
    python -m benchmarks claims                   (prints what was measured)

Each measuring command writes its part of docs/measured/fp-liif.md and docs/measured/figures/fp-liif.json.
"""

from __future__ import annotations


def main() -> None:
    """Print the tables measured so far."""
    import sys

    from benchmarks.claims.commands import run

    sys.exit(run(["tables"]))
