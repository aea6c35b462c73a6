"""Which of the lines that tools print say nothing of what went wrong."""

from __future__ import annotations

import re

_NOISE = re.compile(
    "|".join(
        (
            r"^\W*$|^Traceback|^\s*File \"|\[\s*(?:START|DONE)\]",  # decoration and stacks
            # Python
            r"^\s*(?:return\b|raise\b|def \w+\(|class \w+|import \w|from \S+ import |@\w|[a-z_][\w.\[\]]* ?= ?\S)",
            r"^\s*\(?%[\w.]+ ?[:=]|= (?:aten|prim|onnx)::|^\s*(?:graph\(|Torch IR graph|func\.func|module @)",  # graphs
            r"\d%\|",  # bars of tqdm
            r"\w*Warning: |^\s*warnings\.warn|^WARNING\b|^(?:INFO|DEBUG)\b",
            r"^[IW]\d{4} |^[\d-]{10} [\d:.,]+:? [IW] ",  # absl and TensorFlow below an error
            r"^Use tlparse|^Original traceback|^While executing|^The above exception|^During handling",
        )
    )
)
_ERROR = re.compile(
    r"\w(?:Error|Exception)\b|\b(?:error|fatal|failed|failure|unsupported|cannot|could not|not \w+ed)\b", re.I
)


def says_nothing(line: str) -> bool:
    """Tell whether a line is of a stack, code, a graph, a bar, a warning or a report of progress."""
    return _NOISE.search(line) is not None


def looks_like_an_error(line: str) -> bool:
    """Tell whether a line says that something went wrong."""
    return _ERROR.search(line) is not None


_LINES = 3
_LONGEST = 160
_CUT = " ... "
_FATAL = re.compile(r"^Fatal Python error: ")


def shortened(line: str, longest: int) -> str:
    """Cut a line to at most `longest` characters in its middle.

    The end, where tools tell the cause, keeps two thirds.
    """
    if len(line) <= longest:
        return line
    rest = longest - len(_CUT)
    begin, end = line[: rest // 3], line[-(rest - rest // 3) :]
    # Whole words, where the cut leaves most of the part.
    begin = begin.rpartition(" ")[0] if " " in begin[len(begin) // 2 :] else begin
    end = end.partition(" ")[2] if " " in end[: len(end) // 2] else end
    return f"{begin}{_CUT}{end}"


def last_words(printed: str) -> str:
    """Quote the last lines that say something, at most three of 160 characters.

    A stack that follows a crash is left out.
    """
    lines: list[str] = []
    for line in printed.splitlines():
        if _FATAL.match(line):
            break
        if not says_nothing(line):
            lines.append(shortened(line.strip(), _LONGEST))
    return " | ".join(lines[-_LINES:])
