"""The executed tests that are known to fail, and why each does. Nothing else may."""

from __future__ import annotations

import re

_EXPLANATIONS: tuple[tuple[str, str], ...] = ()


def explanation(test: str) -> str | None:
    """Why this test fails; None if it should pass."""
    for pattern, why in _EXPLANATIONS:
        if re.search(pattern, test):
            return why
    return None
