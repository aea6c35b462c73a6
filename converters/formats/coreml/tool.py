"""Getting hold of coremltools without its greetings."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from converters.errors import ConversionError, in_one_line
from converters.tools.capture import captured
from converters.tools.importing import tool

_CONVERTING = re.compile(r"converting '(\w+)' op")


def coremltools() -> Any:
    """The coremltools package.

    Importing it prints a dozen lines about what it cannot do on this machine (libraries that exist on macOS only,
    untested versions); they are dropped. What fails for real raises, and is not dropped.

    Raises:
        MissingToolError: it is not installed.
    """
    if "coremltools" in sys.modules:
        return sys.modules["coremltools"]
    with captured(Path(os.devnull)), _without("tensorflow", "sklearn", "xgboost"):
        return tool("coremltools", "coreml")


@contextmanager
def naming_operations() -> Iterator[None]:
    """Put the operation that coremltools was converting when it failed into the error; it tells its log alone.

    Raises:
        ConversionError: with the tool's sentence and ``op 'NAME'``, where the log names one.
    """
    said: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("coremltools")
    log.addHandler(handler)
    try:
        yield
    except Exception as error:
        named = [found[1] for found in map(_CONVERTING.search, said) if found]
        if not named or named[-1] in str(error):
            raise
        raise ConversionError(f"{in_one_line(error)}, while converting op '{named[-1]}'") from error
    finally:
        log.removeHandler(handler)


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Hide packages that coremltools would load for front ends not used here; TensorFlow alone costs seconds."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
