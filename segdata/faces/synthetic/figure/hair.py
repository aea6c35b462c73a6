"""Hair: what hangs behind the head, the cap over the skull, locks in front, beard and stubble outlines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segdata.faces.synthetic.figure.features import Surface
from segdata.faces.synthetic.shapes import curves
from segdata.faces.synthetic.shapes.raster import Points

STYLES = ("bald", "cropped", "short", "bob", "long", "curly", "tied")


@dataclass(frozen=True)
class HairStyle:
    """How the hair is worn; lengths in head units."""

    style: str
    volume: float
    hairline: float
    fringe: float
    parting: float
    length: float
    covers_ears: bool
    frizz: float
    receding: float


@dataclass(frozen=True)
class Hair:
    """Hair outlines in the picture, in the order they are drawn (behind: before the head)."""

    behind: tuple[Points, ...]
    cap: tuple[Points, ...]
    locks: tuple[Points, ...]


def _inflated(on: Surface, volume: float, sides: float, top: float = 0.0) -> Points:
    """The head's silhouette blown up about the middle of the skull, more at the crown than at the sides."""
    points = on.outline.points()
    middle = np.array([(on.outline.left[30] + on.outline.right[30]) / 2, -0.25])
    away = points - middle
    high = np.clip(-away[:, 1:2] / 1.0, 0, 1)
    grown: Points = middle + away * (1 + sides + (volume - sides) * high) - np.array([0.0, top]) * high
    return grown


def _arc(contour: Points, left_end: float, right_end: float) -> Points:
    """The upper part of a closed silhouette, from the left at height `left_end` over the crown to the right."""
    count = len(contour) // 2
    left, right = contour[:count][::-1], contour[count:][::-1]
    return np.concatenate([left[left[:, 1] <= left_end], right[right[:, 1] <= right_end]])


def _hairline(style: HairStyle, on: Surface, rng: np.random.Generator) -> Points:
    """Where the hair ends on forehead and temples, from the right ear to the left, in the face plane."""
    width = on.shape.width
    ends = 0.12 if not style.covers_ears else 0.45
    turn = 0.55 * float(np.sin(on.pose.yaw))
    left, right = ends - max(-turn, 0.0), ends - max(turn, 0.0)
    x = np.array([-1.0, -0.985, -0.95, -0.86, -0.62, -0.34, 0.0, 0.34, 0.62, 0.86, 0.95, 0.985, 1.0]) * width
    front = style.hairline
    corner = front + 0.10 - style.receding
    left_side, right_side = (np.interp([0.0, 0.4, 0.7], [0.0, 1.0], [end, -0.5]) for end in (left, right))
    brow = [-0.5, corner, front + 0.01, front, front + 0.01, corner, -0.5]
    y = np.concatenate([left_side, brow, right_side[::-1]])
    if style.fringe > 0:
        swept = np.exp(-((x - style.parting * width) ** 2) / 0.02) * 0.5
        y = np.maximum(y, front + style.fringe * (1 - swept) * (np.abs(x) < 0.88 * width))
    line = curves.through(np.stack([x, y], axis=1), 6)
    if style.fringe > 0:
        teeth = rng.uniform(-1, 1, len(line)) * 0.045 * (np.abs(line[:, 0]) < 0.8 * width)
        line[:, 1] += teeth
    else:
        line[:, 1] += rng.normal(0, 0.008, len(line))
    line[:, 1] = np.maximum(line[:, 1], -1.2)
    return on.plane(line)[::-1]


def _cap(style: HairStyle, on: Surface, rng: np.random.Generator) -> Points:
    """Hair over the skull: the inflated silhouette down to the ears, minus the face below the hairline."""
    sides = style.volume * (0.55 if style.style != "cropped" else 0.3)
    contour = _inflated(on, style.volume, sides)
    depth = 0.5 if style.covers_ears else 0.22
    # On the side turned towards the viewer the back of the head shows, and hair reaches lower there.
    turn = 0.55 * float(np.sin(on.pose.yaw))
    arc = curves.ragged(_arc(contour, depth + turn, depth - turn), rng, style.frizz)
    return np.concatenate([arc, _hairline(style, on, rng)])


def _behind(style: HairStyle, on: Surface, rng: np.random.Generator) -> Points:
    """Hair seen around and below the head, down to `length`, rounded off and uneven at its end."""
    arc = _arc(_inflated(on, style.volume, style.volume * 0.8), -0.1, -0.1)
    spread = style.volume * 0.9 + rng.uniform(0.0, 0.12)
    level = np.sin(np.linspace(0.12, np.pi / 2, 8))
    bend, turns = rng.uniform(0, 6), rng.uniform(5, 13)
    wave = np.sin(level * turns + bend) * rng.uniform(0, 0.07) * (1 - level**8)
    half = (arc[-1, 0] - arc[0, 0]) / 2
    reach = spread * np.sqrt(level) - (half * 0.6 + spread) * np.maximum(level - 0.72, 0) ** 2 * 8 + wave
    top, middle = (arc[0, 1] + arc[-1, 1]) / 2, (arc[0, 0] + arc[-1, 0]) / 2
    v = top + (style.length - top) * level
    right = np.stack([middle + half + reach, v], axis=1)
    left = np.stack([middle - half - reach, v + rng.uniform(-0.08, 0.08) * level], axis=1)
    x = np.linspace(right[-1, 0], left[-1, 0], 9)[1:-1]
    tips = np.stack([x, np.interp(x, [left[-1, 0], right[-1, 0]], [left[-1, 1], right[-1, 1]])], axis=1)
    tips[:, 1] += rng.uniform(-0.03, 0.07, len(tips))
    return curves.ragged(
        np.concatenate([arc, curves.through(np.concatenate([right, tips, left[::-1]]), 3)]), rng, style.frizz
    )


def _lock(side: int, style: HairStyle, on: Surface, rng: np.random.Generator) -> Points:
    """One sheet of hair falling from the temple in front of the ear and shoulder on `side`."""
    contour = _inflated(on, style.volume, style.volume * 0.8)
    end = style.length + rng.uniform(-0.15, 0.1)
    v = np.linspace(-0.75, end, 11)
    edge = contour[: len(contour) // 2] if side < 0 else contour[len(contour) // 2 :][::-1]
    outer = np.interp(np.minimum(v, 0.35), edge[:, 1], edge[:, 0]) + side * rng.uniform(0, 0.1) * np.maximum(v - 0.2, 0)
    cover = rng.uniform(0.8, 1.02)
    at = np.stack([np.full(11, side * on.shape.width), np.minimum(v, 0.5)], axis=1)
    at[:, 0] *= np.interp(v, [-0.75, -0.3, 0.2], [0.93, 0.95, cover])
    wave = np.sin(v * rng.uniform(3, 9) + rng.uniform(0, 6)) * rng.uniform(0.0, 0.06) * np.clip(v, 0, 1)
    inner = on.plane(at)[:, 0] + wave
    inner = np.minimum(inner, outer - 0.05) if side > 0 else np.maximum(inner, outer + 0.05)
    outer = outer + wave
    tip, thin = (inner[-1] + outer[-1]) / 2, np.interp(v, [end - 0.5, end], [1.0, 0.25])
    inner, outer = tip + (inner - tip) * thin, tip + (outer - tip) * thin
    loop = np.concatenate([np.stack([inner, v], 1), np.stack([outer, v], 1)[::-1]])
    return curves.ragged(curves.closed(loop, 3), rng, style.frizz * 0.8)


def _bun(on: Surface, rng: np.random.Generator) -> Points:
    """A bun or ponytail above or beside the crown."""
    top = on.outline.points()[0]
    size = rng.uniform(0.22, 0.36)
    return curves.ragged(
        curves.ellipse((top[0] + rng.uniform(-0.25, 0.25), top[1] - rng.uniform(0.02, 0.18)), size, size * 0.85),
        rng,
        0.015,
    )


def grow(style: HairStyle, on: Surface, rng: np.random.Generator) -> Hair:
    """All hair outlines of one head."""
    if style.style == "bald":
        return Hair((), (), ())
    place = on.pose.place
    behind: list[Points] = []
    locks: list[Points] = []
    if style.style in ("bob", "long", "curly"):
        behind.append(place(_behind(style, on, rng)))
    if style.style == "tied":
        behind.append(place(_bun(on, rng)))
    if style.covers_ears:
        locks = [place(_lock(side, style, on, rng)) for side in (-1, 1)]
    return Hair(tuple(behind), (place(_cap(style, on, rng)),), tuple(locks))


def beard(on: Surface, mouth_height: float, rng: np.random.Generator) -> Points:
    """Jaw and chin area that a beard covers, up to the cheeks, with the mouth inside it."""
    width = on.shape.width
    high = rng.uniform(0.2, 0.42)
    pairs = [(-1.0, -0.05), (-0.84, high), (-0.42, mouth_height - 0.1), (0.0, mouth_height - 0.17)]
    left = np.array([[x * width, y] for x, y in pairs])
    right = (left * np.array([-1, 1]))[::-1][1:]
    upper = on.plane(curves.through(np.concatenate([left, right]), 4))
    contour = on.outline.points()
    count = len(contour) // 2
    lower = np.concatenate([contour[:count], contour[count:]])
    lower = lower[lower[:, 1] > 0.0]
    middle = np.array([0.0, 0.3])
    return on.pose.place(np.concatenate([upper, (middle + (lower - middle) * 1.04)[::-1]]))
