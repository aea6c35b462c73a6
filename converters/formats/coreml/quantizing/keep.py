"""Operators that keep a number type of their own, whatever the recipe says of the others.

A pattern is a shell pattern (``*`` and ``?``) and is compared with three things: the operator's name in the program,
its kind (``conv``), and the name of the module in the torch network that it came from (``pixel.7``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from converters.errors import SourceError
from quantization import NumberType

Keep = tuple[str, NumberType]
"""A pattern and the number type of what it matches."""

CAST_SUFFIXES = tuple(f"_cast_{number}" for number in ("fp16", "fp32"))
"""What coremltools puts behind the names of operators that it computes in another type."""

NAMES_SHOWN = 8


@dataclass
class Keeper:
    """Decides, while coremltools converts, in which type each operator is computed.

    Attributes:
        wanted: patterns with their types; the first that matches counts.
        computed_in: type of all operators that no pattern matches.
        kept: name of every operator that was matched -> its type.
    """

    wanted: tuple[Keep, ...]
    computed_in: NumberType
    kept: dict[str, NumberType] = field(default_factory=dict)
    _matched: set[str] = field(default_factory=set)
    _seen: dict[str, None] = field(default_factory=dict)

    def in_float16(self, operation: Any) -> bool:
        """True if a MIL operation shall be computed in 16 bits (coremltools' `op_selector`)."""
        names = (operation.name, operation.op_type, _module_of(operation))
        if operation.op_type != "const":
            self._seen.update(dict.fromkeys(name for name in (names[2], operation.name) if name))
        for pattern, number in self.wanted:
            if operation.op_type != "const" and any(fnmatchcase(name, pattern) for name in names):
                self._matched.add(pattern)
                self.kept[operation.name] = number
                return number is NumberType.FLOAT16
        return self.computed_in is NumberType.FLOAT16

    def check(self) -> None:
        """Raise SourceError for a pattern that matched no operator, naming some that there are."""
        for pattern, number in self.wanted:
            if pattern in self._matched:
                continue
            shown = ", ".join(list(self._seen)[:NAMES_SHOWN])
            raise SourceError(
                f"no operation is called {pattern!r}, so nothing can be kept in {number.value}; a pattern names a"
                f" module or an operation, with * and ?, for example: {shown}"
            )

    def save(self, path: Path) -> None:
        """Write `kept` beside the program whose conversion filled it."""
        path.write_text(json.dumps({name: number.value for name, number in self.kept.items()}))


def load_kept(path: Path) -> frozenset[str]:
    """Names, in the finished program, of the operators that `Keeper.save` recorded."""
    kept = json.loads(path.read_text())
    return frozenset(_saved(name) + suffix for name in kept for suffix in ("", *CAST_SUFFIXES))


def _saved(name: str) -> str:
    """An operation's name as coremltools writes it: letters, digits and underscores, not beginning with a digit."""
    plain = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return f"op_{plain}" if plain[:1].isdigit() else plain


def keep_words(wanted: Sequence[Keep]) -> str:
    """For provenance and metadata: ``"float32:pixel.7, float16:conv_*"``."""
    return ", ".join(f"{number.value}:{pattern}" for pattern, number in wanted)


def _module_of(operation: Any) -> str:
    """Dotted name of the torch module the operation came from; empty for the outermost one.

    The last part of what coremltools records is the name of the value in the trace.
    """
    from coremltools.converters.mil.mil.scope import ScopeSource

    return ".".join(list(operation.scopes.get(ScopeSource.TORCHSCRIPT_MODULE_NAME, ()))[:-1])
