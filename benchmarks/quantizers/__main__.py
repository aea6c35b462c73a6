"""`python -m benchmarks.quantizers`: see `benchmarks.quantizers`."""

import sys

from benchmarks.quantizers.commands import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
