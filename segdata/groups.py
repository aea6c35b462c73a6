"""Name the classes that papers pool into one score, by name."""

from __future__ import annotations

from collections.abc import Sequence

OVERALL = (
    "left_brow",
    "right_brow",
    "left_eye",
    "right_eye",
    "nose",
    "upper_lip",
    "inner_mouth",
    "lower_lip",
)
"""Classes whose counts are pooled into the "overall" score that papers report on Helen (Smith et al., CVPR 2013)."""


def places_of(group: Sequence[str], names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the class ids of `group` among the class `names`; None unless all of them are there."""
    known = {name: place for place, name in enumerate(names)}
    return tuple(known[name] for name in group) if set(group) <= set(known) else None
