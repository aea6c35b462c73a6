"""Getting hold of coremltools without its greetings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from converters.tools.capture import captured
from converters.tools.importing import tool


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
