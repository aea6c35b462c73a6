"""Draw a training's figures over its steps, as SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 28.0, 30.0
MOST_POINTS = 400
"""Points of a line that are drawn; more cannot be told apart at this width."""


@dataclass(frozen=True)
class Line:
    """Hold one figure over the steps.

    Attributes:
        name: for the legend and the tooltip.
        colour: as CSS writes it.
        points: (step, value), in order; values must be positive on a logarithmic axis.
    """

    name: str
    colour: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def height(self, value: float) -> float:
        """Return y of a value in the drawing."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (at - low) / (high - low))


def draw(title: str, lines: Sequence[Line], steps: int, top: float | None = None, logarithmic: bool = False) -> str:
    """Draw an <svg> element with axes, lines and a legend.

    Args:
        title: above the drawing.
        lines: what to draw; those without points are left out.
        steps: right end of the axis of steps.
        top: upper end of the values, from 0; None fits the values.
        logarithmic: axis of the values; not together with `top`.
    """
    shown = [line for line in lines if line.points]
    values = [value for line in shown for _, value in line.points]
    parts = [f'<text x="{LEFT}" y="16" class="title">{escape(title)}</text>']
    if not values:
        parts.append(f'<text x="{LEFT}" y="{HEIGHT / 2}">nothing yet</text>')
        return _svg(parts)
    axis = _logarithmic(values) if logarithmic else _linear(top or max(values))
    parts += _frame(axis, steps)
    for line in shown:
        places = " ".join(f"{_across(step, steps):.1f},{axis.height(value):.1f}" for step, value in _thin(line.points))
        last_step, last = line.points[-1]
        parts.append(
            f"<g><title>{escape(line.name)}: {last:.4g} after {last_step}</title>"
            f'<polyline points="{places}" stroke="{line.colour}"/>'
            f'<circle cx="{_across(last_step, steps):.1f}" cy="{axis.height(last):.1f}" r="2.5"'
            f' fill="{line.colour}"/></g>'
        )
    legend = "".join(f'<span><i style="background:{line.colour}"></i>{escape(line.name)}</span>' for line in shown)
    return _svg(parts) + (f'<p class="legend">{legend}</p>' if len(shown) > 1 else "")


def _svg(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img">{"".join(parts)}</svg>'


def _across(step: int, steps: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * step / max(steps, 1)


def _frame(axis: _Axis, steps: int) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for tick in axis.ticks:
        y = axis.height(tick)
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.3g}</text>')
    parts.append(f'<text x="{LEFT}" y="{bottom + 18}">0</text>')
    parts.append(f'<text x="{right}" y="{bottom + 18}" text-anchor="end">step {steps}</text>')
    return parts


def _linear(high: float) -> _Axis:
    top = high if high > 0 else 1.0
    return _Axis(0.0, top, False, tuple(top * quarter / 4 for quarter in range(5)))


def _logarithmic(values: Sequence[float]) -> _Axis:
    """Span from the power of ten, or twice or five times one, below all values to the one above them."""
    exponent = math.floor(math.log10(min(values)))
    marks = [factor * 10.0**power for power in range(exponent, exponent + 40) for factor in (1, 2, 5)]
    low = max(mark for mark in marks if mark <= min(values) * (1 + 1e-9))
    high = min(mark for mark in marks if mark >= max(values) and mark > low)
    return _Axis(low, high, True, tuple(mark for mark in marks if low <= mark <= high))


def _thin(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    every = math.ceil(len(points) / MOST_POINTS)
    return [*points[:-1:every], points[-1]]
