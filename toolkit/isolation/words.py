"""What a process said last, in one line."""

from __future__ import annotations

import re

from converters.noise import says_nothing

_LINES = 3
_LONGEST = 160
_FATAL = re.compile(r"^Fatal Python error: ")


def last_words(printed: str) -> str:
    """The last lines that say something, at most three of 160 characters; a stack that follows a crash left out."""
    lines: list[str] = []
    for line in printed.splitlines():
        if _FATAL.match(line):
            break
        if not says_nothing(line):
            lines.append(line.strip()[:_LONGEST])
    return " | ".join(lines[-_LINES:])
