"""Say how long a runtime is timed, and in how many cold starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from validation.errors import ValidationError

MANY_SAMPLES = 20
"""Who asks for fewer wants a quick look: one cold start will do."""


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

    @classmethod
    def asked(cls, samples: int) -> Self:
        """Return the settings for so many samples: three cold starts, or one for a quick look.

        Raises:
            ValidationError: fewer than one sample.
        """
        return cls(samples=samples, min_samples=min(3, samples), cold_starts=3 if samples >= MANY_SAMPLES else 1)
