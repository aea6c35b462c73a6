"""Damages files of eight kinds and hands them to segport, in a process that may take a limited time and memory for
each.

    python -m tests.reliability.fuzz --count 5040 --page docs/measured/reliability.md

A fault is: a traceback, an error that no sentence was written for, a refusal that is not one sentence, a process that
dies, takes longer than LIMITS or holds more. A runtime that dies in its own process is none: its artifact has failed,
with status 4.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.kept_page import keep_result
from tests.reliability.fuzz import entries
from tests.reliability.fuzz.kinds import Attempt, every_attempt, kinds, make_originals
from tests.reliability.page import PARTS, fuzz_table
from toolkit.isolation.limits import Limits
from toolkit.isolation.process import GuardedProcess, LostError

LIMITS = Limits(60.0, 4_000_000_000)


@dataclass
class Figures:
    """What became of one kind's files.

    Attributes:
        ends: attempts by exit class, "0" to "4".
        faults: damage and what it did; must stay empty.
        slowest: seconds of the slowest attempt.
    """

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def files(self) -> int:
        return self.ends.total() + len(self.faults)


class Target:
    """The process that is attacked, replaced when it is lost."""

    def __init__(self) -> None:
        self._process: GuardedProcess | None = None

    def attempt(self, attempt: Attempt) -> entries.Answer:
        """What became of one file."""
        if self._process is None:
            self._process = GuardedProcess("the process that reads", LIMITS)
            self._process.call(entries.ready)
        function, arguments = attempt.call
        try:
            return self._process.call(function, *arguments)
        except LostError as lost:
            self._process = None
            return "fault", str(lost)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()


def attack(folder: Path, count: int, seed: int, only: tuple[str, ...] = ()) -> dict[str, Figures]:
    """Damage `count` files in all, below `folder`; figures by kind."""
    originals, work = folder / "originals", folder / "work"
    originals.mkdir()
    work.mkdir()
    make_originals(originals)
    found = {name: kind for name, kind in kinds(originals, work).items() if not only or name in only}
    figures: dict[str, Figures] = defaultdict(Figures)
    target = Target()
    try:
        for number, (name, attempt) in enumerate(every_attempt(found, count, seed)):
            began = time.monotonic()
            end, said = target.attempt(attempt)
            mine = figures[name]
            mine.slowest = max(mine.slowest, time.monotonic() - began)
            if end == "fault":
                mine.faults.append(f"{name}, attempt {number}: {attempt.words}: {said}")
                print(f"FAULT {mine.faults[-1]}", flush=True)
            else:
                mine.ends[end] += 1
    finally:
        target.stop()
    return dict(figures)


def recorded(figures: dict[str, Figures], count: int, seed: int, seconds: float) -> dict[str, Any]:
    """What the page keeps."""
    kinds = {
        name: {"files": one.files, "ends": dict(one.ends), "faults": len(one.faults), "slowest": round(one.slowest, 1)}
        for name, one in figures.items()
    }
    return {"count": count, "seed": seed, "seconds": round(seconds), "kinds": kinds}


def main() -> int:
    """Attack and print the figures; 1 if there was any fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="files")
    parser.add_argument("--seed", type=int, default=0, help="which damage")
    parser.add_argument("--page", type=Path, help="a document to fill in, docs/measured/reliability.md")
    parser.add_argument("--only", default="", help="kinds, comma-separated")
    options = parser.parse_args()
    only = tuple(name for name in options.only.split(",") if name)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = attack(Path(folder), options.count, options.seed, only)
    result = recorded(figures, options.count, options.seed, time.monotonic() - began)
    print(fuzz_table({"fuzz": result}))
    if options.page is not None:
        keep_result(options.page, PARTS, "fuzz", result)
    return 1 if any(one.faults for one in figures.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
