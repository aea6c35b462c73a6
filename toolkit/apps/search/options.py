"""Define what a search is asked for, beside the options of a run."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from toolkit.apps.search.strategy import MOST, AllowedLoss
from toolkit.errors import UsageError
from toolkit.options.base import Options
from toolkit.options.flag import Flag, Panel

Objective = Literal["size", "latency"]
LARGEST_MEAN_DROP = 0.005
"""Limit of mean IoU if none is given and that of the classes is no smaller."""


class SearchOptions(Options):
    """Hold the options of `segport search` alone.

    Raises:
        UsageError: limits that are no fractions or contradict each other, an objective that is not known.
    """

    max_miou_drop: Annotated[float | None, Flag(Panel.GATES)] = None
    """Limit: fraction of mean IoU that may be lost; as --max-class-drop, at most 0.005."""
    max_class_drop: Annotated[float, Flag(Panel.GATES)] = 0.005
    """Limit: fraction of IoU that any class may lose."""
    minimize: Annotated[Objective, Flag()] = "size"
    """What is to be small within the limits: size or latency."""
    candidates: Annotated[int, Field(ge=1), Flag()] = MOST
    """Artifacts to make and measure at most."""

    @property
    def limits(self) -> AllowedLoss:
        """Give both limits; that of mean IoU is no larger than that of the classes."""
        mean = min(LARGEST_MEAN_DROP, self.max_class_drop) if self.max_miou_drop is None else self.max_miou_drop
        return AllowedLoss(mean, self.max_class_drop)

    @field_validator("minimize", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        if value not in ("size", "latency"):
            raise UsageError(f"--minimize {value!r} is not known; write size or latency")
        return value

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        mean, any_class = self.limits.miou_drop, self.limits.class_drop
        if not (0 <= mean <= 1 and 0 <= any_class <= 1):
            raise UsageError("limits are fractions of IoU from 0 to 1 (0.005 is half a point)")
        if any_class < mean:
            raise UsageError(
                f"the limits contradict each other: no class may lose more than {any_class}, so the mean cannot lose "
                f"{mean}; give --max-miou-drop at most --max-class-drop"
            )
        return self
