"""`python -m benchmarks.web COMMAND`: see `benchmarks.web.commands`."""

import sys

from benchmarks.web.commands import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
