"""Choose the exit status of each kind of error. Only this place knows all packages' error classes."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from enum import IntEnum

from fpliif.errors import FPLIIFError
from validation.errors import RunnerError, ValidationError
from validation.milrun.errors import MilRunError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when a disk, a quota or a file's largest size is used up."""

_OURS = frozenset({"toolkit", "validation", "converters", "fpliif", "quantization", "segdata"})


class ExitStatus(IntEnum):
    """Tell the caller of `segport` how it ended. Fixed: other programs rely on these numbers."""

    PASS = 0
    GATE_FAILED = 1
    BAD_INPUT = 2
    NOT_INSTALLED = 3
    TOOL_FAILED = 4
    INTERRUPTED = 130


class UsageError(ValueError):
    """Refuse options that contradict each other or name something that is not there; says what to change."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Make the error for a name that is none of `known`: with the nearest one, and all there are."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"did you mean {close[0]!r}? There are" if close else "choose from"
    return UsageError(f"no {kind} is named {name!r}; {guess}: {', '.join(names)}")


def sentence(error: BaseException) -> str:
    """Say what a person reads of an expected error."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        place = f"for {error.filename} " if error.filename else ""
        return (
            f"there is no room {place}({error.strerror}); what was finished is kept: free some of the disk or "
            "choose another --out, "
            "and the same command continues"
        )
    if package := _foreign_package(error):
        from converters.tools.installed import install_command

        return f"{package} is not installed; get it with: {install_command([[package]])}"
    return str(error)


def _foreign_package(error: BaseException) -> str:
    """Name the package of others that is not there, if an import failed for that; else empty."""
    name = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    package = name.partition(".")[0]
    return "" if package in _OURS else package


def exit_status(error: BaseException) -> ExitStatus | None:
    """Give the status for an expected error, or None for one that is a defect in segport itself."""
    # With them come their packages, and with these NumPy and Pillow.
    from converters.errors import ConversionError, MissingToolError, SourceError
    from quantization.errors import RecipeError
    from segdata.errors import DataError, MissingPackageError

    if isinstance(error, (MissingToolError, MissingPackageError)) or _foreign_package(error):
        # Before DataError, which a missing package is too.
        return ExitStatus.NOT_INSTALLED
    if isinstance(error, (UsageError, SourceError, FPLIIFError, RecipeError, DataError, ValidationError)):
        return ExitStatus.BAD_INPUT
    if isinstance(error, (ConversionError, RunnerError, MilRunError)):
        return ExitStatus.TOOL_FAILED
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return ExitStatus.BAD_INPUT
    return None
