"""A target of the lint, as data.

Which operations it takes, what it does not take of them, and where that is written.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from converters.errors import SourceError
from converters.lint import targets as room
from converters.lint.graph import Step


@dataclass(frozen=True)
class Rule:
    """One thing that a target does not take.

    Attributes:
        ops: operations it is about; empty for every one.
        breaks: whether an operation breaks it.
        reason: why the target does not take such an operation.
        rewrite: what avoids it.
        source: address of the public text or code that says so.
        splits: False for what is slower or true only of old systems: it is told, and the graph is not split by it.
    """

    ops: frozenset[str]
    breaks: Callable[[Step], bool]
    reason: str
    rewrite: str
    source: str
    splits: bool = True

    def applies(self, step: Step) -> bool:
        return (not self.ops or step.op in self.ops) and self.breaks(step)


@dataclass(frozen=True)
class Target:
    """An accelerator or delegate.

    Attributes:
        name: in reports.
        title: for people.
        format: artifact format it runs.
        takes: operations it is known to take; None where only what it does not take is known.
        source: address of that list.
        rules: what it does not take of them.
        rewrites: by operation that is not in `takes`: what avoids it.
        caveat: what the lint cannot know.
    """

    name: str
    title: str
    format: str
    takes: frozenset[str] | None
    source: str
    rules: tuple[Rule, ...]
    rewrites: dict[str, str]
    caveat: str


def names(text: str) -> frozenset[str]:
    """Operations named in a text, separated by blanks."""
    return frozenset(text.split())


@cache
def targets() -> dict[str, Target]:
    """List all targets by name: every module in `converters.lint.targets` that defines TARGET.


    Raises:
        SourceError: two targets share a name.
    """
    found: dict[str, Target] = {}
    for module in sorted(pkgutil.iter_modules(room.__path__), key=lambda info: info.name):
        target: Target = importlib.import_module(f"{room.__name__}.{module.name}").TARGET
        if target.name in found:
            raise SourceError(f"two lint targets are named {target.name!r}; rename one in converters/lint/targets")
        found[target.name] = target
    return found
