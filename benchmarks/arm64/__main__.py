"""`python -m benchmarks.arm64`: see `benchmarks.arm64.commands`."""

import sys

from benchmarks.arm64 import main

if __name__ == "__main__":
    main(sys.argv[1:])
