"""Reports a failure shared by all recipes of a plan once, not once per recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from converters.errors import ConversionError, MissingToolError, SourceError, in_one_line


@contextmanager
def failing_once(record: Path) -> Iterator[None]:
    """Keep in the file `record` why what is done inside failed; where it is there already, that is raised at once.

    Errors that the user mends (SourceError, MissingToolError) are not kept.

    Raises:
        ConversionError: it failed before.
    """
    if record.exists():
        raise ConversionError(record.read_text(encoding="utf-8"))
    try:
        yield
    except (MissingToolError, SourceError):
        raise
    except Exception as error:
        record.write_text(str(error) if isinstance(error, ConversionError) else in_one_line(error), encoding="utf-8")
        raise
