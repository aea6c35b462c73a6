"""What goes wrong with a Core ML file or while executing it. Every message is one sentence that says what to do."""

from __future__ import annotations

from typing import ClassVar


class MilRunError(RuntimeError):
    """Base of everything milrun raises on purpose.

    Attributes:
        exit_code: the process status that fits: 2 for bad input, 4 for a failure while executing.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str) -> None:
        """Keep the message on one line: names from a damaged file may hold line ends and control characters."""
        super().__init__("".join(letter if letter.isprintable() else "?" for letter in message))


class ModelFileError(MilRunError):
    """The package is missing, truncated, damaged, or no ML Program."""

    exit_code = 2


class PredictInputError(MilRunError):
    """The values given to `predict` do not fit the model's inputs."""

    exit_code = 2


class UnsupportedOpError(MilRunError):
    """The program uses an operation that milrun does not know, at this opset."""


class ExecutionError(MilRunError):
    """An operation failed on its inputs; the message names the operation."""
