"""What goes wrong between a trained model and a file on disk."""

from __future__ import annotations

import re

from converters.tools.noise import looks_like_an_error, says_nothing, shortened

_STOPPED = re.compile(r"^While executing %(\w+)", re.M)
"""How torch.fx names the operation at which it stopped."""

_ANNOUNCES = re.compile(
    r":$|^(?:Failed to (?:export|convert|run)|(?:An )?errors? (?:occurred|was|were|when|while)|Conversion failed)\b",
    re.I,
)
"""Lines that say only that something failed, and not why."""


class SourceError(ValueError):
    """A model that cannot be used as given; the message is one sentence that says how to mend it."""


class ConversionError(RuntimeError):
    """A converter failed on a usable model; the message names the tool and its reason."""


class MissingToolError(ImportError):
    """Something that is not installed is needed; the message gives the command that installs it."""


def in_one_line(error: BaseException) -> str:
    """Name the exception's type and quote the line of its message that says what is wrong, at most 300 characters.

    That is the first line that is no code, graph or warning. Where it only announces others, it is the last line that
    looks like an error, or what the exception's cause says. Exporters append the operation at which they stopped, and
    a stack.
    """
    said = _message(error)
    lines = [_unquoted(line.strip()) for line in said.splitlines() if not says_nothing(line)]
    stopped = _STOPPED.search(said)
    at = f" (at {stopped[1]})" if stopped else ""
    if not lines:
        return type(error).__name__ + at
    if _ANNOUNCES.search(lines[0]):
        if error.__cause__ is not None and _message(error.__cause__).strip():
            return in_one_line(error.__cause__)
        found = next((line for line in reversed(lines[1:]) if looks_like_an_error(line)), lines[-1])
    else:
        found = lines[0]
    return f"{type(error).__name__}: {shortened(found, 300)}{at}"


def _message(error: BaseException) -> str:
    """The message itself; Python shows that of a KeyError in quotes, its ends of lines spelled out."""
    if isinstance(error, KeyError) and len(error.args) == 1:
        return str(error.args[0])
    return str(error)


def _unquoted(line: str) -> str:
    """Without quotes around the whole line; those of a quoted last word stay."""
    inner = line[1:-1]
    return inner if len(line) > 2 and line[0] == line[-1] and line[0] in "'\"" and line[0] not in inner else line
