"""Define the kinds of values that options take, and what may be written for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field


def _size(value: object) -> object:
    """Accept 256, "256" and "256x320" (height x width) as well as a pair."""
    if isinstance(value, int):
        return (value, value)
    if isinstance(value, str):
        parts = value.lower().split("x")
        if len(parts) <= 2 and all(part.isdigit() for part in parts):
            return (int(parts[0]), int(parts[-1]))
        raise ValueError("give a size like 256 or 256x320 (height x width)")
    return value


def _sizes(value: object) -> object:
    """Accept "64,128,256" and 256 as well as a list."""
    return (value,) if isinstance(value, int) else split_names(value)


def split_names(value: object) -> object:
    """Accept "a,b" as well as a list."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _numbers(value: object) -> object:
    """Accept "0.485,0.456,0.406" and 0.5 as well as a list."""
    if isinstance(value, int | float):
        return (value,)
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _folder(value: object) -> object:
    """Refuse an empty name, which would mean the current folder."""
    if value == "":
        raise ValueError("give a folder; . is the current one")
    return value


def _different_counts(counts: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(counts)) != len(counts):
        raise ValueError("a number of threads is named twice; name each once")
    return tuple(sorted(counts))


def _different(sizes: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    if len(set(sizes)) != len(sizes):
        raise ValueError("a size is named twice; name each once")
    return sizes


Pixels = Annotated[int, Field(ge=8, le=4096)]
Size = Annotated[tuple[Pixels, Pixels], BeforeValidator(_size)]
"""(height, width)."""
Sizes = Annotated[tuple[Size, ...], BeforeValidator(_sizes), AfterValidator(_different)]
ThreadCount = Annotated[int, Field(ge=1, le=256)]
ThreadCounts = Annotated[tuple[ThreadCount, ...], BeforeValidator(split_names), AfterValidator(_different_counts)]
Names = Annotated[tuple[str, ...], BeforeValidator(split_names)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Folder = Annotated[Path, BeforeValidator(_folder)]
Channels = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    BeforeValidator(_numbers),
    Field(min_length=1, max_length=256),
]
"""One number a channel."""


def default_threads() -> int:
    """Return the threads a phone would give a network: all cores here, at most four."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
