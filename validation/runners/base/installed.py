"""Say whether a package is there, without importing it."""

from __future__ import annotations

import importlib.util


def is_there(module: str) -> bool:
    """Say whether the top-level `module` can be found; one whose import something forbids is not there."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
