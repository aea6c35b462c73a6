"""Read options from a TOML file, from the command line and from the record of an earlier run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.options.run_options import RunOptions


def make_options(given: Mapping[str, Any], config: Path | None = None) -> RunOptions:
    """Take options from a TOML file, and over them what was given by hand (None means: not given).

    Raises:
        UsageError: unreadable file, unknown key, or a value that does not fit; one sentence.
    """
    origin = f"{config}: " if config else ""
    values = _underscored(read_toml(config), origin) if config else {}
    values.update({key: value for key, value in given.items() if value is not None})
    return checked_options(values, origin)


def checked_options(values: Mapping[str, Any], origin: str = "") -> RunOptions:
    """Check plain values; raises UsageError with one sentence naming the first thing that is wrong."""
    try:
        return RunOptions(**_underscored(values))
    except UsageError as error:
        raise UsageError(f"{origin}{error}") from error


def _underscored(values: Mapping[str, Any], origin: str = "") -> dict[str, Any]:
    """Write keys as Python does; raises UsageError for one that stands there in both spellings."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name in found:
            raise UsageError(f"{origin}{name.replace('_', '-')} and {name} are the same option; keep one of them")
        found[name] = value
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file as a dict; raises UsageError if that cannot be done."""
    try:
        if not path.is_file():
            raise UsageError(f"there is no configuration file {path}; check the path")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not a readable TOML file ({error}); mend that line") from error


def swept(options: RunOptions, threads: str | None) -> RunOptions:
    """Apply `--threads 2` or `--threads 1,2,4`; of several, the recorded count (else the first) stays the run's own.

    Raises:
        UsageError: not whole numbers of 1 or more, or one twice.
    """
    if threads is None:
        return options
    values = options.model_dump()
    if "," not in threads:
        return checked_options({**values, "threads": threads, "thread_sweep": ()})
    named = checked_options({**values, "thread_sweep": threads})
    first = int(threads.split(",")[0])
    return named if named.threads in named.thread_sweep else named.model_copy(update={"threads": first})
