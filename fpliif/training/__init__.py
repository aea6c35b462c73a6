"""Training of FP-LIIF: one loop, and what it starts with, draws, changes, loses and reports.

`python -m fpliif.training` is its command line, `fpliif.training.train` the same in Python.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpliif.training.loop import TrainResult, train

__all__ = ["TrainResult", "train"]


def __getattr__(name: str) -> object:
    """Import the loop, and torch with it, on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("fpliif.training.loop"), name)
