"""Hold what came of timing a runtime."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from validation.errors import ValidationError


@dataclass(frozen=True)
class LatencyResult:
    """Milliseconds of single inferences on one picture (batch of one), pre- and post-processing excluded.

    Attributes:
        p50, p90, p95, p99, mean, min, max: over the samples; percentiles interpolate linearly. None for a percentile
            that a runtime's own benchmark does not tell.
        iqr: the spread, as the interquartile range: 75th minus 25th percentile.
        samples: number of timed inferences.
        warmup: number of inferences before them (the cold one included).
        stable: whether times had settled when sampling began.
        threads: threads given to the runtime; None if it chooses itself.
        load_ms: opening the artifact, library import excluded; in a fresh process if `cold_start` is known.
        first_run_ms: the first inference after opening; likewise.
        other_load: cores that other processes kept busy meanwhile, on average; None where nobody can tell.
        warning: one sentence if the machine was too busy for the figures to be trusted, else empty.
        cold_start: load and first inference together, median over `cold_starts` fresh processes in which the library
            was imported and nothing had run; None where no fresh process can open it. The file is in the system's
            cache.
        cold_starts: number of these processes.
        in_turns: runners that were open and sampled in turns with this one, itself included.
        group, groups: which of how many such groups this was; figures of one group suffered the same drift.
    """

    p50: float
    p90: float | None
    p95: float
    p99: float | None
    mean: float
    min: float
    max: float
    samples: int
    warmup: int
    stable: bool
    threads: int | None
    load_ms: float
    first_run_ms: float
    other_load: float | None
    warning: str
    iqr: float | None = None
    cold_start: float | None = None
    cold_starts: int = 0
    in_turns: int = 1
    group: int = 1
    groups: int = 1

    def to_json(self) -> dict[str, Any]:
        """Give the report's `latency_ms`."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Undo `to_json`; raises ValidationError if keys are missing or unknown."""
        try:
            return cls(**document)
        except TypeError as error:
            raise ValidationError(f"not a latency result ({error}); run `segport bench` again") from error


@dataclass(frozen=True)
class OwnBenchmark:
    """What a runtime's own benchmark tells of one artifact: its latency, and bytes held at the most if it tells
    them.
    """

    latency: LatencyResult
    peak_memory_bytes: int | None
