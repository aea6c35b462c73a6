"""`python -m benchmarks.validation`: see the package."""

from __future__ import annotations

import sys

from benchmarks.validation import main

if __name__ == "__main__":
    main(sys.argv[1:])
