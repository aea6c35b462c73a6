"""Show where the time of one inference goes: operations by name and by kind, from the runtime's own profiler.

A runner that can be asked says so (`Runner.operations_reason` is empty) and yields what its runtime recorded;
everything else is adding up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from validation.results.facts import OperationTime

PROFILED_RUNS = 10
SHOWN = 20


@dataclass(frozen=True)
class OperationShare:
    """One operation, or all of a kind, per inference.

    Attributes:
        name: of the operation in its graph; equal to `kind` where the runtime knows no names, or where kinds are added
            up.
        kind: e.g. ``"Conv"``.
        ms: mean over the profiled inferences.
        share: of the time of all operations, 0..1.
        calls: per inference.
        delegated: whether the runtime's delegate ran it; None for a runtime that has none.
    """

    name: str
    kind: str
    ms: float
    share: float
    calls: float
    delegated: bool | None = None


@dataclass(frozen=True)
class OperationProfile:
    """The operations that take longest, or why they are not known.

    Attributes:
        status: ``"measured"``, ``"not_run"`` or ``"failed"``, with a reason unless measured.
        runs: inferences that were profiled. Profiling slows them down: compare shares, not milliseconds, with a
            latency.
        total_ms: all operations of one inference.
        kinds: by kind, longest first.
        operations: the longest single ones, longest first; in a report at most `SHOWN`.
    """

    status: str
    reason: str = ""
    runs: int = 0
    total_ms: float | None = None
    kinds: tuple[OperationShare, ...] = ()
    operations: tuple[OperationShare, ...] = ()

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Undo `dataclasses.asdict`."""
        shares = {
            key: tuple(OperationShare(**item) for item in document.get(key, ())) for key in ("kinds", "operations")
        }
        return cls(**{**document, **shares})


def not_profiled(reason: str) -> OperationProfile:
    """Say why nothing was measured."""
    return OperationProfile("not_run", reason)


_Key = tuple[str, str, bool | None]
"""Name, kind, delegated."""


def added_up(recorded: Iterable[OperationTime], runs: int, shown: int | None = SHOWN) -> OperationProfile:
    """Add up the calls of `runs` inferences as shares, of single operations the `shown` longest (None: all).

    "failed" if nothing was recorded.
    """
    names: dict[_Key, list[int]] = defaultdict(list)
    kinds: dict[_Key, list[int]] = defaultdict(list)
    for item in recorded:
        names[item.name, item.kind, item.delegated].append(item.nanoseconds)
        kinds[item.kind, item.kind, item.delegated].append(item.nanoseconds)
    total = sum(map(sum, kinds.values()))
    if not kinds:
        return OperationProfile("failed", "the runtime's profiler recorded no operation")
    if not total:
        return OperationProfile("failed", "no operation took as long as the runtime's profiler can tell")

    def longest(found: dict[_Key, list[int]]) -> tuple[OperationShare, ...]:
        shares = [
            OperationShare(name, kind, sum(times) / runs / 1e6, sum(times) / total, len(times) / runs, delegated)
            for (name, kind, delegated), times in found.items()
        ]
        return tuple(sorted(shares, key=lambda share: (-share.ms, share.name)))

    return OperationProfile("measured", "", runs, total / runs / 1e6, longest(kinds), longest(names)[:shown])
