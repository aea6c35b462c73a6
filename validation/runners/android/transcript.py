"""What `benchmark_model` prints, as figures.

The lines are written by tflite/tools/benchmark/benchmark_model.cc (`Run`, `OnBenchmarkEnd`, `ParseFlags`) and
benchmark_tflite_model.cc (`Init`) in google-ai-edge/LiteRT, the statistics by `StatWithPercentiles` in
tensorflow/core/util/stats_calculator.h.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NUMBER = r"[-+0-9.e]+|-?nan|-?inf"
_STATISTICS = re.compile(rf"\bcount=(?P<count>\d+)(?P<rest>(?: \w+=(?:{_NUMBER})(?:\(all same\))?)*)")
_VALUE = re.compile(rf" (\w+)=({_NUMBER})")
_TIMINGS = re.compile(rf"Inference timings in us: Init: (?P<init>{_NUMBER}), First inference: (?P<first>{_NUMBER}),")
_MEMORY = re.compile(
    rf"Memory footprint delta from the start of the tool \(MB\): init=(?:{_NUMBER}) overall=(?P<overall>{_NUMBER})"
)
_DELEGATE = re.compile(
    r"(?:Explicitly applied|Though) (?P<name>\w+) delegate(?:, and| is explicitly applied,) the model graph will "
    r"(?:be (?P<how>completely|partially)|not be) executed by the delegate(?: w/ (?P<kernels>\d+) delegate kernels)?"
)
_REPLACED = re.compile(r"Replacing (?P<taken>\d+) out of (?P<all>\d+) node\(s\) with delegate \((?P<name>\w+)\)")
_UNKNOWN_FLAGS = re.compile(r"Unconsumed cmdline flags: (?P<flags>.+)")
_MARK = re.compile(r"^.*?\b(INFO|VERBOSE|WARN|WARNING|ERROR|FATAL): ")
_COMPLAINING = re.compile(r"[Ff]ailed|unsupported|not supported|CANNOT LINK|It should be")
_EMPTY_COMPLAINT = "Benchmarking failed."
"""What benchmark_main.cc adds to every failure."""


@dataclass(frozen=True)
class Statistics:
    """Microseconds of `count` runs; a percentile is the value at that place, None from a tool that prints none."""

    count: int
    first: float
    last: float
    min: float
    max: float
    mean: float
    std: float
    median: float | None
    p95: float | None


@dataclass(frozen=True)
class DelegateStatement:
    """What the tool says of the delegate it was told to apply.

    Attributes:
        name: as the tool calls it: ``GPU``, ``NNAPI``, ``XNNPACK``.
        took: ``completely``, ``partially`` or ``nothing``.
        kernels: parts of the graph it took, if told.
    """

    name: str
    took: str
    kernels: int | None = None


@dataclass(frozen=True)
class ToolReport:
    """One call of the tool.

    Attributes:
        warm_up, inference: statistics of its two stages; None for one that did not come to its end.
        init_us, first_us: opening the model, and the first inference; None if it did not end well.
        held_bytes: growth of the highest resident set since the tool began, its own libraries left out; None if not
            told.
        delegates: what it says of each delegate.
        replaced: (delegate, operations taken, operations in all) where the runtime prints it.
        unknown_flags: options it does not know.
        complaints: what it says went wrong, in order and without the marks of a log.
    """

    warm_up: Statistics | None
    inference: Statistics | None
    init_us: float | None
    first_us: float | None
    held_bytes: int | None
    delegates: tuple[DelegateStatement, ...]
    replaced: tuple[tuple[str, int, int], ...]
    unknown_flags: tuple[str, ...]
    complaints: tuple[str, ...]


def read_transcript(text: str) -> ToolReport:
    """Everything of both streams that says something; lines may begin with a log's own marks."""
    stages = [_statistics(match) for match in _STATISTICS.finditer(text)]
    timings, memory = _TIMINGS.search(text), _MEMORY.search(text)
    unknown = _UNKNOWN_FLAGS.search(text)
    return ToolReport(
        warm_up=stages[0] if stages else None,
        inference=stages[1] if len(stages) > 1 else None,
        init_us=float(timings["init"]) if timings else None,
        first_us=float(timings["first"]) if timings else None,
        held_bytes=round(float(memory["overall"]) * 2**20) if memory else None,
        delegates=tuple(
            DelegateStatement(
                found["name"], found["how"] or "nothing", int(found["kernels"]) if found["kernels"] else None
            )
            for found in _DELEGATE.finditer(text)
        ),
        replaced=tuple((found["name"], int(found["taken"]), int(found["all"])) for found in _REPLACED.finditer(text)),
        unknown_flags=tuple(unknown["flags"].split()) if unknown else (),
        complaints=tuple(_complaints(text.splitlines())),
    )


def _statistics(match: re.Match[str]) -> Statistics:
    values = {name: float(value) for name, value in _VALUE.findall(match["rest"])}
    # Of runs that all took the same time the tool prints only `curr`, of none nothing.
    last = values.get("curr", 0.0)
    low, high = values.get("min", last), values.get("max", last)
    # The mean is printed with six digits and may round to beyond the extremes.
    mean = min(max(values.get("avg", last), low), high)
    return Statistics(
        int(match["count"]),
        values.get("first", last),
        last,
        low,
        high,
        mean,
        values.get("std", 0.0),
        values.get("median"),
        values.get("p95"),
    )


def _complaints(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        mark = _MARK.match(line)
        said = line[mark.end() if mark else 0 :].strip()
        severe = mark is not None and mark[1] in ("ERROR", "FATAL")
        if (severe or _COMPLAINING.search(said)) and said != _EMPTY_COMPLAINT:
            yield said
