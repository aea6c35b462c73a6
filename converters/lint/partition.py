"""Where a delegate splits a graph.

The rule is TensorFlow Lite's (`PartitionGraphIntoIndependentNodeSubsets`, greedy, in tensorflow/lite/graph_info.cc):
the first operation that is ready says whether a part is the delegate's; every operation of the same kind joins it as
soon as all it reads is there; then the next part begins.
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/graph_info.cc
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from converters.lint.graph import LintGraph


@dataclass(frozen=True)
class Part:
    """Operations, by their places in the graph, that run together: `taken` by the delegate or left to the CPU."""

    taken: bool
    places: tuple[int, ...]


def partition(graph: LintGraph, taken: Sequence[bool]) -> tuple[Part, ...]:
    """Return the parts in order; `taken` says of every operation whether the delegate takes it."""
    ready = set(graph.inputs)
    waiting = list(range(len(graph.steps)))
    parts = []
    while waiting:
        kind: bool | None = None
        joined: list[int] = []
        moved = True
        while moved:
            moved = False
            for place in list(waiting):
                step = graph.steps[place]
                if not all(value.name in ready for value in step.flowing) or kind not in (None, taken[place]):
                    continue
                kind = taken[place]
                joined.append(place)
                waiting.remove(place)
                ready |= {value.name for value in step.outputs}
                moved = True
        parts.append(Part(bool(kind), tuple(sorted(joined))))
    return tuple(parts)
