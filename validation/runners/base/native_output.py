"""Keeps what native libraries print to standard error away from the terminal, and at hand for error messages."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def captured_stderr() -> Iterator[Callable[[], str]]:
    """Divert file descriptor 2 for the duration of the block.

    Yields:
        A function that returns the last lines printed so far, for the message of an error.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 2)

        def last_lines() -> str:
            printed.seek(0)
            return tail(printed.read().decode(errors="replace"))

        try:
            yield last_lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def tail(text: str, lines: int = 3) -> str:
    """The last lines that say something, joined into one."""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])
