"""What goes wrong between a trained model and a file on disk."""

from __future__ import annotations

import re

from converters.tools.noise import looks_like_an_error, says_nothing

_STOPPED = re.compile(r"^While executing %(\w+)", re.M)
"""How torch.fx names the operation at which it stopped."""


class SourceError(ValueError):
    """A model that cannot be used as given; the message is one sentence that says how to mend it."""


class ConversionError(RuntimeError):
    """A converter failed on a usable model; the message names the tool and its reason."""


class MissingToolError(ImportError):
    """Something that is not installed is needed; the message gives the command that installs it."""


def in_one_line(error: Exception) -> str:
    """The exception's type and the line of its message that says what is wrong, at most 300 characters.

    That is the first that is no code, graph or warning; where it only announces others, the last one that looks like an error.
    Exporters append the operation at which they stopped, and a stack.
    """
    said = str(error).replace("\\n", "\n") if isinstance(error, KeyError) else str(error)
    lines = [line.strip().strip("'\"") for line in said.splitlines() if not says_nothing(line)]
    if not lines:
        return type(error).__name__
    found = lines[0]
    if found.endswith(":"):
        found = next((line for line in reversed(lines) if looks_like_an_error(line)), lines[-1])
    stopped = _STOPPED.search(said)
    return f"{type(error).__name__}: {found[:300]}" + (f" (at {stopped[1]})" if stopped else "")
