"""Hold how long to measure and what came of it: latency settings and results."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from validation.errors import ValidationError


@dataclass(frozen=True)
class LatencySettings:
    """How long to measure.

    Attributes:
        samples: timed inferences at most.
        max_seconds: stop sampling after this time, but not before `min_samples`.
        min_samples: timed inferences at least.
        max_warmup: inferences before sampling, at most; at least one is always made.
        max_warmup_seconds: stop warming up after this time even if times still change.
        cold_starts: fresh processes that open the artifact and run it once; 0 measures no cold start.

    Raises:
        ValidationError: a count below 1, a negative time, or min_samples above samples.
    """

    samples: int = 100
    max_seconds: float = 10.0
    min_samples: int = 3
    max_warmup: int = 50
    max_warmup_seconds: float = 5.0
    cold_starts: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.min_samples <= self.samples or self.max_warmup < 1:
            raise ValidationError(
                f"latency needs 1 <= min_samples <= samples and max_warmup >= 1, not min_samples {self.min_samples}, "
                f"samples {self.samples}, max_warmup {self.max_warmup}"
            )
        if min(self.max_seconds, self.max_warmup_seconds, self.cold_starts) < 0:
            raise ValidationError("latency times and counts must not be negative; give 0 or more")


@dataclass(frozen=True)
class LatencyResult:
    """Milliseconds of single inferences on one picture (batch of one), pre- and post-processing excluded.

    Attributes:
        p50, p90, p95, p99, mean, min, max: over the samples; percentiles interpolate linearly. None for a percentile that a
            runtime's own benchmark does not tell.
        iqr: the spread, as the interquartile range: 75th minus 25th percentile.
        samples: number of timed inferences.
        warmup: number of inferences before them (the cold one included).
        stable: whether times had settled when sampling began.
        threads: threads given to the runtime; None if it chooses itself.
        load_ms: opening the artifact, library import excluded; in a fresh process if `cold_start` is known.
        first_run_ms: the first inference after opening; likewise.
        other_load: cores that other processes kept busy meanwhile, on average; None where nobody can tell.
        warning: one sentence if the machine was too busy for the figures to be trusted, else empty.
        cold_start: load and first inference together, median over `cold_starts` fresh processes in which the library was
            imported and nothing had run; None where no fresh process can open it. The file is in the system's cache.
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
