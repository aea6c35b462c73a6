"""Display colours for classes that have none."""

from __future__ import annotations

import colorsys

from segdata.labels import Colour


def spaced_colours(count: int) -> tuple[Colour, ...]:
    """`count` display colours: black, then hues spaced by the golden ratio."""
    wheel = [colorsys.hsv_to_rgb((index * 0.618034) % 1.0, 0.75, 0.95) for index in range(count - 1)]
    return ((0, 0, 0), *((round(r * 255), round(g * 255), round(b * 255)) for r, g, b in wheel))
