"""Getting hold of the tools that convert: optional packages are imported at use, and missed with a helpful sentence."""

from __future__ import annotations

import importlib
from typing import Any

from converters.errors import MissingToolError


def tool(module: str, extra: str) -> Any:
    """Import `module`, which the extra `extra` of segport installs.

    Raises:
        MissingToolError: it, or something it needs itself, is not installed; the message gives the command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        raise MissingToolError(f"{missing} is not installed; get it with: pip install 'segport[{extra}]'") from error
