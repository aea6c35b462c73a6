"""milrun: executes saved Core ML ML Programs on any machine, with torch as the arithmetic.

    from validation.milrun import Interpreter
    answer = Interpreter("net.mlpackage").predict({"image": picture})

It answers "what does this file compute", not "how fast is it on a phone": there is no Neural Engine arithmetic here and
no latency worth reporting. See docs/measured/conformance.md for what was checked and how float16 is treated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from validation.milrun.errors import (
    ExecutionError,
    MilRunError,
    ModelFileError,
    PredictInputError,
    UnsupportedOpError,
)

if TYPE_CHECKING:
    from validation.milrun.interpreter import Interpreter, Observer

__all__ = [
    "ExecutionError",
    "Interpreter",
    "MilRunError",
    "ModelFileError",
    "Observer",
    "PredictInputError",
    "UnsupportedOpError",
]


def __getattr__(name: str) -> object:
    """Import the interpreter, and torch with it, on first use."""
    if name in ("Interpreter", "Observer"):
        from validation.milrun import interpreter

        return getattr(interpreter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
