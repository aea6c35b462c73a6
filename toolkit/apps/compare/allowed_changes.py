"""Define how much worse a run may be than the one before."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from toolkit.errors import UsageError
from toolkit.options.base import Options
from toolkit.options.flag import Flag, Panel


class CompareLimits(Options):
    """Hold the largest changes for the worse that are let pass: IoU as fractions (0.01 is one point), growth as
    fractions.

    Raises:
        UsageError: a limit is negative, or an IoU limit above 1.
    """

    miou_drop: Annotated[float, Flag(Panel.GATES, name="--max-miou-drop")] = 0.005
    """Fraction of mean IoU a run may lose."""
    class_drop: Annotated[float, Flag(Panel.GATES, name="--max-class-drop")] = 0.01
    """Fraction of IoU one class may lose."""
    latency_growth: Annotated[float, Flag(Panel.GATES, name="--max-latency-growth")] = 0.2
    """Growth of the median time, 0.2 for 20 %."""
    size_growth: Annotated[float, Flag(Panel.GATES, name="--max-size-growth")] = 0.05
    """Growth of a file, 0.05 for 5 %."""
    instruction_growth: Annotated[float, Flag(Panel.GATES, name="--max-instruction-growth")] = 0.01
    """Growth of the executed instructions of an inference, 0.01 for 1 %."""

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        for name, value in self.model_dump().items():
            if not 0 <= value <= (1.0 if name.endswith("drop") else float("inf")):
                raise UsageError(f"--max-{name.replace('_', '-')} {value} makes no sense; give a fraction like 0.05")
        return self
