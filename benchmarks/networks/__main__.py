"""`python -m benchmarks.networks`: see `benchmarks.networks`."""

import sys

from benchmarks.networks.commands import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
