"""Say what the 95 % interval of a change allows to say, in the words of all reports."""

from __future__ import annotations

from enum import StrEnum


class Significance(StrEnum):
    """A change of IoU against the float reference, as far as the pictures show it."""

    WORSE = "worse"
    """The whole interval lies below zero."""
    BETTER = "better"
    """The whole interval lies above zero."""
    NONE_SHOWN = "no difference shown"
    """The interval holds zero, and no loss beyond the limit."""
    TOO_FEW = "too few images to tell"
    """The interval holds zero and a loss beyond the limit as well, or there is only one picture and no interval."""


def significance(interval: tuple[float, float] | None, limit: float) -> Significance:
    """Decide what to say of a change.

    Args:
        interval: 95 % bounds of the change as fractions of IoU, lower first; None where there are too few pictures for
            one.
        limit: largest loss allowed, as a fraction.
    """
    if interval is None:
        return Significance.TOO_FEW
    low, high = interval
    if high < 0:
        return Significance.WORSE
    if low > 0:
        return Significance.BETTER
    return Significance.TOO_FEW if -low > limit else Significance.NONE_SHOWN
