"""FP-LIIF on emulated ARM64 CPUs: agreement with this machine's answers, executed instructions, accuracy.

See docs/measured/arm64.md.
"""

from benchmarks.arm64.commands import main

__all__ = ["main"]
