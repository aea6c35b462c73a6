"""The operations of a file in one form for all formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from converters.errors import SourceError


@dataclass(frozen=True)
class Value:
    """What flows between operations: `shape` is empty where the file does not say; `integers` of short constants."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    constant: bool = False
    integers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Step:
    """One operation: its name in the format's own words, what it reads and writes, and its options."""

    op: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def flowing(self) -> tuple[Value, ...]:
        """Inputs that are computed, not stored."""
        return tuple(value for value in self.inputs if not value.constant)

    @property
    def where(self) -> str:
        """Return a name to find the operation by."""
        return self.outputs[0].name if self.outputs else self.op

    @property
    def types(self) -> frozenset[str]:
        """Return the number types it reads from other operations and writes."""
        return frozenset(value.dtype for value in (*self.flowing, *self.outputs))


@dataclass(frozen=True)
class LintGraph:
    """Operations in execution order.

    Raises:
        SourceError: an operation reads what none before it wrote.
    """

    format: str
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]

    def __post_init__(self) -> None:
        known = set(self.inputs)
        for step in self.steps:
            missing = [value.name for value in step.flowing if value.name not in known]
            if missing:
                raise SourceError(
                    f"{step.op} reads {missing[0]!r}, which nothing before it writes; convert the model again"
                )
            known |= {value.name for value in step.outputs}
