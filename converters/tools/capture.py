"""Keeps talkative tools off the terminal, and untidy ones out of the system's folder for temporary files.

Whatever they print goes to a log file.

Compilers underneath print through C file descriptors, so descriptors 1 and 2 themselves are redirected, not only
`sys.stdout` and `sys.stderr`. A live display that must stay visible meanwhile writes to `terminal()`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TextIO

from converters.tools.noise import looks_like_an_error, says_nothing, shortened


def terminal() -> TextIO:
    """Return a text stream on what standard error is now; it stays that while tools are captured."""
    return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)


@contextmanager
def captured(log: Path) -> Iterator[None]:
    """Append everything this process and its children print to `log`, until the block ends."""
    streams = sys.stdout, sys.stderr
    for stream in streams:
        stream.flush()
    saved = os.dup(1), os.dup(2)
    try:
        with log.open("ab", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            sys.stdout, sys.stderr = _on_descriptor(1), _on_descriptor(2)
            try:
                yield
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                sys.stdout, sys.stderr = streams
                os.dup2(saved[0], 1)
                os.dup2(saved[1], 2)
    finally:
        for descriptor in saved:
            os.close(descriptor)


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Until the block ends, `tempfile` and programs started here put what they make into `folder`; then it is removed.

    coremltools leaves a package for every model where its process does not end in peace, which a guarded one never
    does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder.absolute())
    try:
        yield
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _on_descriptor(number: int) -> TextIO:
    """Return the one lasting stream on a descriptor.

    Tools keep references to it (logging handlers), so it is never closed.
    """
    return open(number, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)


def last_informative_line(log: Path) -> str:
    """Quote the last line of `log` that looks like an error, else the last that says something.

    At most 300 characters, the line's end kept; empty where no line says anything.
    """
    if not log.exists():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    telling = [shortened(line, 300) for line in reversed(lines) if not says_nothing(line)]
    return next(filter(looks_like_an_error, telling), telling[0] if telling else "")
