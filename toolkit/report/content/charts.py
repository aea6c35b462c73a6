"""Place the marks, ticks and labels of the report's drawings; templates only draw what is decided here.

Coordinates are units of an SVG view box, y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.document.run_shape import Latency
from toolkit.document.shape import ReportDocument
from toolkit.report.content.figures import fraction, megabytes, milliseconds
from toolkit.report.content.rows import default_runs, judging_run

CHART_WIDTH, CHART_HEIGHT = 440.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 14.0, 30.0, 44.0
_CHARACTER = 6.6
"""Width of a label's character at the style sheet's largest font size."""
_LINE = 14.0
_MARK = 6.0
_LEADER = 16.0
"""Labels farther than this from their mark get a line to it."""


@dataclass(frozen=True)
class Tick:
    """A place on an axis, with what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Mark:
    """One artifact: mark at (x, y), label starting at (label_x, label_y); `leader` asks for a line between them."""

    name: str
    format: str
    title: str
    x: float
    y: float
    label_x: float
    label_y: float
    label_width: float
    leader: bool
    best: bool


@dataclass(frozen=True)
class Scatter:
    """One drawing; `frontier` is the polyline through artifacts that none beats in both respects."""

    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    reference_y: float | None
    frontier: str


@dataclass(frozen=True)
class Point:
    """An artifact's figures before they have a place."""

    name: str
    format: str
    cost: float
    miou: float
    title: str


@dataclass(frozen=True)
class Span:
    """Latency of one run as percentages of the drawing's width."""

    name: str
    format: str
    runtime: str
    start: float
    p50: float
    p90: float
    end: float
    figures: str
    text: str


def size_points(document: ReportDocument) -> list[Point]:
    """Give artifacts with their file size in megabytes."""
    found = []
    for artifact in document.artifacts:
        run = judging_run(document, artifact)
        if run is not None and run.miou is not None and artifact.size_bytes:
            title = f"{artifact.name}: mIoU {fraction(run.miou)}, {megabytes(artifact.size_bytes)}"
            found.append(Point(artifact.name, artifact.format, artifact.size_bytes / 1e6, run.miou, title))
    return found


def latency_points(document: ReportDocument) -> list[Point]:
    """Give artifacts with their median latency in the runtime that is fastest with them."""
    found = []
    for artifact in document.artifacts:
        judged = judging_run(document, artifact)
        runs = default_runs(document, artifact)
        timed = [(run.latency_ms.p50, run.title) for run in runs if run.latency_ms is not None]
        if judged is not None and judged.miou is not None and timed and min(timed)[0] > 0:
            time, runtime = min(timed)
            title = f"{artifact.name}: mIoU {fraction(judged.miou)}, median {milliseconds(time)} ms in {runtime}"
            found.append(Point(artifact.name, artifact.format, time, judged.miou, title))
    return found


def scatter(points: Sequence[Point], reference: float | None, *, log: bool) -> Scatter | None:
    """Lay out accuracy against a cost, cheap at the left; None without points. `log` needs costs above zero."""
    if not points:
        return None
    costs = [point.cost for point in points]
    x_values = log_ticks(min(costs), max(costs)) if log else linear_ticks(0.0, max(costs), 5)
    known = [point.miou for point in points] + ([] if reference is None else [reference])
    y_values = linear_ticks(min(known), max(known), 5)
    forward: Callable[[float], float] = math.log if log else float
    low, high = forward(x_values[0]), forward(x_values[-1])

    def x_of(cost: float) -> float:
        return LEFT + 10 + (forward(cost) - low) / (high - low) * (CHART_WIDTH - LEFT - RIGHT - 20)

    def y_of(miou: float) -> float:
        return (
            CHART_HEIGHT - BOTTOM - (miou - y_values[0]) / (y_values[-1] - y_values[0]) * (CHART_HEIGHT - TOP - BOTTOM)
        )

    places = [(x_of(point.cost), y_of(point.miou)) for point in points]
    line = None if reference is None else y_of(reference)
    labels = place_labels(places, [point.name for point in points], line)
    best = frontier(points)
    marks = []
    for index, (point, (x, y), (label_x, label_y)) in enumerate(zip(points, places, labels, strict=True)):
        width = label_width(point.name)
        far = max(label_x - x, x - label_x - width, abs(label_y - y)) > _LEADER
        marks.append(Mark(point.name, point.format, point.title, x, y, label_x, label_y, width, far, index in best))
    decimals = _decimals(y_values)
    return Scatter(
        tuple(marks),
        tuple(Tick(x_of(value), f"{value:,g}") for value in x_values),
        tuple(Tick(y_of(value), f"{value:.{decimals}f}") for value in y_values),
        line,
        " ".join(f"{places[index][0]:.1f},{places[index][1]:.1f}" for index in best),
    )


def frontier(points: Sequence[Point]) -> list[int]:
    """Find the positions of the points that no other beats in cost and accuracy, cheapest first."""
    kept: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i].cost, -points[i].miou)):
        if not kept or points[index].miou > points[kept[-1]].miou:
            kept.append(index)
    return kept


def label_width(text: str) -> float:
    """Give the room that a label takes."""
    return len(text) * _CHARACTER


def place_labels(
    places: Sequence[tuple[float, float]], texts: Sequence[str], line: float | None = None
) -> list[tuple[float, float]]:
    """Place left ends and middles of labels: each at the nearest place where it covers no mark and no other label.

    Args:
        places: x and y of the marks.
        texts: one label a mark.
        line: y of a horizontal line that labels keep off as well.
    """
    taken = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in places]
    if line is not None:
        taken.append((LEFT, line - 1, CHART_WIDTH, line + 1))
    labels: list[tuple[float, float]] = []
    for (x, y), text in zip(places, texts, strict=True):
        width = label_width(text)
        candidates = sorted(_candidates(x, y, width), key=lambda place: _distance(x, y, place, width))
        boxes = (
            (place, (place[0], place[1] - _LINE / 2, place[0] + width, place[1] + _LINE / 2)) for place in candidates
        )
        place, box = next((item for item in boxes if not any(_overlap(item[1], other) for other in taken)), next(boxes))
        taken.append(box)
        labels.append(place)
    return labels


def _candidates(x: float, y: float, width: float) -> list[tuple[float, float]]:
    found = [
        (start, y + row * 7)
        for row in range(-50, 51)
        for start in (x + 10, x - 10 - width, x - width / 2, x + 34, x - 34 - width, x + 70, x - 70 - width)
    ]
    return [
        (start, middle)
        for start, middle in found
        if LEFT + 2 <= start <= CHART_WIDTH - 4 - width and _LINE / 2 <= middle <= CHART_HEIGHT - BOTTOM - _LINE / 2
    ] or [(max(2.0, min(x, CHART_WIDTH - width)), y)]


def _distance(x: float, y: float, place: tuple[float, float], width: float) -> float:
    across = max(place[0] - x, x - place[0] - width, 0.0)
    return math.hypot(across, 1.5 * (place[1] - y)) + (0.5 if place[0] < x else 0.0)


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def linear_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Choose round numbers from at or below `low` to at or above `high`."""
    span = max(high - low, 0.004)
    rough = span / wanted
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if rough <= magnitude * factor * 1.0001)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Choose round numbers from at or below `low` (above zero) to at or above `high`, closer together on a short
    scale.
    """
    factors = (1, 2, 5) if high > 8 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    steps = [factor * 10.0**power for power in range(-4, 8) for factor in factors]
    first = max((index for index, value in enumerate(steps) if value <= low), default=0)
    last = next((index for index, value in enumerate(steps) if value >= high), len(steps) - 1)
    return [float(f"{value:.6g}") for value in steps[first : max(last, first + 1) + 1]]


def _decimals(ticks: Sequence[float]) -> int:
    return max(2, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))


def _within(found: Latency) -> str:
    """Write ``90 % within 12.3, 99 % within 14.5``, or what is known instead."""
    known = [(share, time) for share, time in ((90, found.p90), (99, found.p99)) if time is not None]
    return ", ".join(f"{share} % within {milliseconds(time)}" for share, time in known or [(95, found.p95)])


def latency_spans(document: ReportDocument) -> tuple[list[Span], list[Tick]]:
    """Lay out every timed run from its fastest sample to its 99th percentile on one logarithmic scale, fastest
    first.
    """
    timed = [
        (artifact.name, artifact.format, run.title, run.latency_ms)
        for artifact in document.artifacts
        for run in default_runs(document, artifact)
        if run.latency_ms is not None and run.latency_ms.min > 0
    ]
    reference = document.reference
    if reference.latency_ms is not None and reference.latency_ms.min > 0:
        timed.append(("float reference", "reference", reference.runner, reference.latency_ms))
    if not timed:
        return [], []
    ticks = log_ticks(min(item[3].min for item in timed), max(item[3].slowest_known for item in timed))
    low, high = math.log(ticks[0]), math.log(ticks[-1])

    def at(time: float) -> float:
        return round(100 * (math.log(time) - low) / (high - low), 3)

    timed.sort(key=lambda item: item[3].p50)
    spans = [
        Span(
            name,
            kind,
            runtime,
            at(found.min),
            at(found.p50),
            at(found.p50 if found.p90 is None else found.p90),
            at(max(found.slowest_known, found.min)),
            " / ".join(milliseconds(time) for time in (found.p50, found.p90, found.p99)),
            f"fastest {milliseconds(found.min)}, median {milliseconds(found.p50)}, {_within(found)} ms; "
            f"{found.samples} samples after {found.warmup} to warm up",
        )
        for name, kind, runtime, found in timed
    ]
    return spans, [Tick(at(tick), f"{tick:,g}") for tick in ticks]
