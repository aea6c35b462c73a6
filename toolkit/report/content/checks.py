"""Say what checks found, in the words that the terminal and report.md share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.document.shape import CheckEntry
from toolkit.report.content.figures import listed

_WORDS = {"pass": "pass", "warn": "to look at", "fail": "failed", "not_run": "not run"}


@dataclass(frozen=True)
class CheckLine:
    """One line, with the status it speaks of."""

    status: str
    sentence: str


def check_lines(checks: Sequence[CheckEntry]) -> list[CheckLine]:
    """Say how many passed, then what failed or warns, then what was not looked at with equal reasons together."""
    if not checks:
        return []
    counts: Counter[str] = Counter(item.status for item in checks)
    summary = ", ".join(f"{counts[status]} {words}" for status, words in _WORDS.items() if counts[status])
    lines = [CheckLine("fail" if counts["fail"] else "pass", f"Checks: {summary}")]
    for status in ("fail", "warn"):
        lines += [
            CheckLine(status, f"check {item.name} {_WORDS[status]}: {item.message}")
            for item in checks
            if item.status == status
        ]
    skipped: dict[tuple[str, str], list[str]] = {}
    for item in checks:
        if item.status == "not_run":
            skipped.setdefault((item.name, item.message), []).append(item.artifact or "the run")
    return lines + [
        CheckLine("not_run", f"check {name} not run for {listed(where)}: {message}")
        for (name, message), where in skipped.items()
    ]
