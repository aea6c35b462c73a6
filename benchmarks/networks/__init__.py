"""Segmentation networks of other people's making, with random weights, through `segport run`: what converts, and how
well it agrees.

    python -m benchmarks.networks                   (the default recipes of both targets)
    python -m benchmarks.networks --every-recipe    (those on request too)
    python -m benchmarks.networks --only segformer  (one network; the others keep what was measured)
    python -m benchmarks networks                   (prints what was measured)

It needs packages that segport does not: `docs/measured/networks.md` says how to make their environment. What was made
is kept in `--work`: the same command goes on where it was stopped. The tables go into docs/measured/networks.md and
docs/measured/figures/networks.json.
"""

from __future__ import annotations


def main() -> None:
    """Print the tables measured so far."""
    from benchmarks.kept_page import drawn, read_results
    from benchmarks.networks.page import PAGE, PARTS

    print(drawn(PARTS, read_results(PAGE)))
