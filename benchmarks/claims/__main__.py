"""`python -m benchmarks.claims COMMAND`: see `benchmarks.claims.commands`."""

import sys

from benchmarks.claims.commands import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
