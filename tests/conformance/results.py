"""What a conformance run found: reading, totals, and the page for the documentation."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kept_page import wrapped
from tests.conformance.explained import explanation

_HALF_DATA = re.compile(r"numpy\.float16|dtype=fp16")
GROUPS = {
    "fp16": "float16, coremltools' default",
    "fp32": "float32",
    "mixed": "float32 with float16 data",
}


@dataclass(frozen=True)
class Result:
    """One test.

    Attributes:
        outcome: "passed", "failed", "skipped", "xfailed" or "xpassed" (expected by its authors to fail, and does or
            not).
        predictions: how many times milrun predicted in it.
    """

    test: str
    outcome: str
    predictions: int
    reason: str

    @property
    def executed(self) -> bool:
        """A prediction really ran, and the outcome says something about it."""
        return self.predictions > 0 and self.outcome in ("passed", "failed", "xpassed")

    @property
    def passed(self) -> bool:
        """The test is content with the prediction."""
        return self.outcome in ("passed", "xpassed")

    @property
    def precision(self) -> str:
        """Precision of the converted program: "fp16" is what coremltools tests by default."""
        return "fp32" if "precision='fp32'" in self.test else "fp16"

    @property
    def group(self) -> str:
        """Which row of the totals it belongs to: "fp16", "fp32", or "mixed" for float16 data in a float32 program."""
        mixed = self.precision == "fp32" and _HALF_DATA.search(self.test)
        return "mixed" if mixed else self.precision


def read(path: Path) -> list[Result]:
    """The newest result of every test in a file; an unfinished last line is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    every = (Result(**json.loads(line)) for line in lines if line.endswith("}"))
    return list({result.test: result for result in every}.values())


def settled(path: Path) -> set[str]:
    """Names of the tests that a resumed run need not repeat: all but those that failed."""
    return {result.test for result in read(path) if result.outcome != "failed"}


def append(path: Path, result: Result) -> None:
    """Add one result, on a line of its own even where an interrupted run left half a line."""
    with path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        separator = "" if file.read(1) in (b"", b"\n") else "\n"
        file.write(f"{separator}{json.dumps(vars(result))}\n".encode())


def note_collected(path: Path, tests: list[str]) -> None:
    """Remember beside the results how many tests of each group there are, whether they run now or not.

    A run of one folder collects only that folder's, so the largest count seen is kept.
    """
    counted = Counter(Result(test, "", 0, "").group for test in tests) | Counter(collected(path))
    path.with_suffix(".collected.json").write_text(json.dumps(counted), encoding="utf-8")


def collected(path: Path) -> dict[str, int]:
    """How many tests of each group there are, as far as it was noted."""
    note = path.with_suffix(".collected.json")
    counts: dict[str, int] = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    return counts


@dataclass(frozen=True)
class Totals:
    """Counts of one run or of a part of it."""

    collected: int
    executed: int
    passed: int
    not_executed: Counter[str]

    @property
    def rate(self) -> float:
        """Passed share of the executed tests; 0 if none was."""
        return self.passed / self.executed if self.executed else 0.0

    def line(self, title: str) -> str:
        """One line for the terminal."""
        return f"{title}: {self.executed} executed, {self.passed} passed ({self.rate:.2%}), {self.collected} run"


def totals(results: Iterable[Result]) -> Totals:
    """Count."""
    every = list(results)
    executed = [result for result in every if result.executed]
    rest = Counter(_why_not(result) for result in every if not result.executed)
    return Totals(len(every), len(executed), sum(result.passed for result in executed), rest)


def unexplained(results: Iterable[Result]) -> list[Result]:
    """Executed tests that fail without an entry in the list of known differences."""
    return [result for result in results if result.outcome == "failed" and explanation(result.test) is None]


def _why_not(result: Result) -> str:
    if result.outcome == "xfailed":
        return "marked by coremltools as a known bug of Core ML or of the test"
    if result.outcome == "skipped":
        return "skipped by the test itself"
    if result.outcome == "failed":
        return "failed before a prediction"
    return "tests the builder or the converter only, predicts nothing"


_INTRODUCTION = """# Core ML conformance of milrun

`validation.milrun` executes Core ML ML Programs with torch. This page shows how it does on the operation tests that
Apple ships inside coremltools {version} (`coremltools.converters.mil.mil.ops.tests`), whose expected values come from
numpy, torch and TensorFlow. On Linux these tests skip the prediction; here `MLModel.predict` goes through milrun and the
macOS checks answer yes, and nothing else is changed. A test counts as executed only if a prediction really ran.

Reproduce: `python -m tests.conformance` (resumable, one thread). A trimmed selection runs with every `pytest`
(marker `conformance`).
"""

_MIXED = """
Tests of the last kind convert to float32 a network whose inputs or weights are float16, and hold the answer to 1e-4, less than the
distance between neighbouring float16 numbers from 0.2 on. milrun rounds to float16 what a program declares so; whether a Mac does there
is not known here. With one float16 step (2**-10 of the largest value) allowed, the failing ones are run again by:

    cp runs/conformance/results.jsonl runs/conformance/step.jsonl
    python -m tests.conformance --precision fp32 --float16-step --results runs/conformance/step.jsonl
"""

_WITHIN_STEP = """
Then {passed} of {executed} pass ({rate:.2%}), and {all_passed} of all {all_executed} ({all_rate:.2%}). The rest are recurrent networks, which
carry the rounding of one step into the next; their answers are at most four float16 steps away.
"""

_ARITHMETIC = """
## Arithmetic

- What a program declares as float16 is rounded to float16 (ties to even, overflow to infinity) after every operation,
  weights included; the sums and products inside an operation accumulate in float32. Apple documents that Core ML
  computes ML Programs in the types they declare ("Typed Execution", coremltools guide) and not how each engine
  accumulates: the CPU and GPU may accumulate in float16 or float32, and the Neural Engine in formats of its own. milrun is
  therefore the accurate end of what a device may give, and says nothing about a particular chip.
- `Interpreter(..., precision="float32")` leaves out the rounding, which separates rounding from conversion errors.
- Compressed weights (`constexpr_*`) are expanded once at load and used in the type the program declares.
- Image outputs are clamped to 0..255 and rounded to the nearest integer.
- iOS17 leaves indices out of range undefined but memory-safe unless `validate_indices` is set: milrun reads the last
  entry and drops such updates.
- Random operations follow the same distributions as Apple's, not the same numbers.
- `conv_quantized` and `custom_layer` are not implemented: no converter writes the first into an ML Program, and the second
  is code outside the file.
"""


def page(results: list[Result], collected_tests: dict[str, int], version: str, within_step: list[Result]) -> str:
    """The Markdown page.

    Args:
        results: of all tests so far.
        collected_tests: how many tests of each group there are.
        version: of coremltools.
        within_step: the same with one float16 step allowed; empty if that was not run.
    """
    parts = [_INTRODUCTION.format(version=version), "\n## Totals\n"]
    parts.append("\n| programs | tests | run so far | executed | passed | share |\n|---|---:|---:|---:|---:|---:|\n")
    for group, title in GROUPS.items():
        part = totals(result for result in results if result.group == group)
        if part.collected:
            there = collected_tests.get(group, part.collected)
            parts.append(
                f"| {title} | {there} | {part.collected} | {part.executed} | {part.passed} | {part.rate:.2%} |\n"
            )
    whole = totals(results)
    there = sum(collected_tests.values()) or whole.collected
    parts.append(f"| all | {there} | {whole.collected} | {whole.executed} | {whole.passed} | {whole.rate:.2%} |\n")
    parts.append(_MIXED)
    if within_step:
        mixed, every = totals(item for item in within_step if item.group == "mixed"), totals(within_step)
        parts.append(
            _WITHIN_STEP.format(
                passed=mixed.passed,
                executed=mixed.executed,
                rate=mixed.rate,
                all_passed=every.passed,
                all_executed=every.executed,
                all_rate=every.rate,
            )
        )
    parts.append("\nNot executed:\n\n")
    parts.extend(f"- {count}: {why}\n" for why, count in whole.not_executed.most_common())
    parts.append("\n## Executed tests that fail, and why\n\n")
    parts.append(_failures(results))
    parts.append("\n## By test file\n\n| file | executed | passed |\n|---|---:|---:|\n")
    files: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        files[result.test.partition("::")[0]].append(result)
    for name in sorted(files):
        part = totals(files[name])
        parts.append(f"| {name} | {part.executed} | {part.passed} |\n")
    parts.append(_ARITHMETIC)
    return wrapped("".join(parts))


def _failures(results: list[Result]) -> str:
    failed = [result for result in results if result.outcome == "failed"]
    if not failed:
        return "None.\n"
    grouped: Counter[tuple[str, str]] = Counter()
    for result in failed:
        grouped[(explanation(result.test) or "Not explained yet.", result.test.partition("[")[0])] += 1
    return "".join(f"- {count} × `{test}`: {why}\n" for (why, test), count in sorted(grouped.items()))
