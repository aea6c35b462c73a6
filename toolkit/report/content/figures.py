"""Write figures for people: one place, so that every kind of report says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MISSING = "–"
ABSENT = "absent"
"""A class that neither the truth nor the answer shows: it has no IoU, and zero would be a lie."""


def points(change: float | None, *, unit: bool = True) -> str:
    """Write a change of IoU in points (hundredths) with its sign: ``-0.12 pt``."""
    if change is None:
        return MISSING
    written = f"{change * 100:+.2f}"
    if float(written) == 0:
        written = "0.00"
    return f"{written} pt" if unit else written


def interval(bounds: tuple[float, float] | None) -> str:
    """Write a 95 % interval in points: ``[-0.21, +0.03]``; empty if there is none."""
    if bounds is None:
        return ""
    return f"[{points(bounds[0], unit=False)}, {points(bounds[1], unit=False)}]"


def judged_where(where: str | None, answer: tuple[int, int] | None) -> str:
    """Say whose pixels were counted; empty if it was not recorded."""
    if where == "original":
        return "judged at each mask's own size"
    return f"judged at {answer[0]} × {answer[1]}" if where and answer else ""


def fraction(value: float | None) -> str:
    """Write an IoU or F1 as in report.json: ``0.6632``."""
    return MISSING if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """Write a share of pixels: ``99.31 %``."""
    return MISSING if value is None else f"{value * 100:.2f} %"


def megabytes(size: int | None) -> str:
    """Write bytes in units of a million, of a thousand where that would hide them: ``2.51 MB``, ``12.3 kB``."""
    if size is None:
        return MISSING
    return f"{size / 1e6:.2f} MB" if size >= _SMALL else f"{size / 1e3:.1f} kB"


def plainly(value: Any) -> str:
    """Write a value of JSON as people write it: ``64 x 96`` for a size, ``a, b`` for a list, ``none`` for an empty
    one.
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plainly(item)}" for key, item in value.items()) or "none"
    if not isinstance(value, list | tuple):
        return MISSING if value is None else str(value)
    size = len(value) == 2 and all(isinstance(item, int) and not isinstance(item, bool) for item in value)
    return (" x " if size else ", ").join(map(plainly, value)) or "none"


def milliseconds(time: float | None) -> str:
    """Write a time without its unit, to a tenth or better: ``12.3``."""
    if time is None:
        return MISSING
    return f"{time:.2f}" if time < 10 else f"{time:,.1f}"


def duration(seconds: float | None) -> str:
    """Write a span for people: ``4 min 12 s``."""
    if seconds is None:
        return MISSING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(number: int, noun: str) -> str:
    """Write ``1 picture``, ``12 pictures``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Write ``a, b and c``; the rest as a number beyond `most`."""
    shown = list(names)
    if len(shown) > most:
        shown = [*shown[: most - 1], f"{len(names) - most + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


_SMALL = 100_000
"""Bytes below which two decimals of a megabyte say too little."""
VERDICT_WORDS = {"pass": "pass", "fail": "fail", "not_run": "not judged"}
STATUS_WORDS = {"measured": "measured", "not_run": "not run", "failed": "failed"}
