"""Hold the limits that an artifact must keep to be fit for use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

from validation.errors import ValidationError


class RecipeLimits(Protocol):
    """What a recipe says of its own losses; `quantization.AccuracyLimits` is one."""

    @property
    def miou_drop(self) -> float: ...

    @property
    def class_drop(self) -> float: ...


@dataclass(frozen=True)
class Gates:
    """Largest losses against the float reference, as fractions of IoU (0.01 is one point).

    Attributes:
        miou_drop: of mean IoU.
        class_drop: of any one class's IoU.
        lost_class_floor: a class on which the reference reaches at least this IoU must not be lost altogether,
            however large `class_drop` is.
        on_bound: True holds the worse bound of each 95 % interval against the limits in place of the measured change,
            so that an artifact passes only if the pictures show that it keeps them.
        agreement: for pictures without labels: share of pixels that must get the reference's class; None judges nothing
            where there are no labels.

    Raises:
        ValidationError: a value outside 0..1.
    """

    miou_drop: float
    class_drop: float
    lost_class_floor: float = 0.01
    on_bound: bool = False
    agreement: float | None = None

    def __post_init__(self) -> None:
        for name in ("miou_drop", "class_drop", "lost_class_floor", "agreement"):
            value = getattr(self, name)
            if value is None and name == "agreement":
                continue
            if not 0.0 <= value <= 1.0:
                raise ValidationError(f"{name} is {value}; give a fraction from 0 to 1 (0.01 is one point of IoU)")

    @classmethod
    def of(
        cls,
        limits: RecipeLimits,
        *,
        miou_drop: float | None = None,
        class_drop: float | None = None,
        on_bound: bool = False,
    ) -> Self:
        """Take a recipe's limits, with what the user set in their place."""
        gates = cls(limits.miou_drop, limits.class_drop, on_bound=on_bound)
        if miou_drop is not None:
            gates = replace(gates, miou_drop=miou_drop)
        return gates if class_drop is None else replace(gates, class_drop=class_drop)
