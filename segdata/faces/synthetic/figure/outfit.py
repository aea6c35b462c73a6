"""Neck, clothes, necklace, hat, glasses and earrings: outlines in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segdata.faces.synthetic.figure.features import SIDES, Ear, Surface
from segdata.faces.synthetic.shapes import curves
from segdata.faces.synthetic.shapes.raster import Points

HATS = ("beanie", "brim", "cap", "scarf")
NECKLINES = ("round", "v", "collar", "high", "bare")


@dataclass(frozen=True)
class Body:
    """Neck and clothes, and a necklace (a closed band) if there is one."""

    neck: Points
    cloth: Points
    collar: Points | None
    necklace: Points | None
    shadow: Points


def _flank(thick: float, base: float, slope: float, shoulder: float) -> Points:
    """The right edge of neck, shoulder and arm, from the jaw down to below the picture."""
    corners = curves.as_points(
        (thick * 0.98, 0.2),
        (thick * 0.92, 0.9),
        (thick * 0.98, base - 0.14),
        (thick * 1.3, base + 0.02),
        (shoulder * 0.75, base + slope),
        (shoulder, base + slope * 1.8),
        (shoulder * 1.15, base + 1.2),
        (shoulder * 1.2, 4.5),
    )
    return curves.through(corners, 4)


@dataclass(frozen=True)
class _Cut:
    """How a neckline is cut: half its width, how deep it hangs, where it starts, and the power of its sag."""

    reach: float
    deep: float
    top: float
    power: float


def _cut(neckline: str, thick: float, base: float, slope: float, shoulder: float, v_depth: float) -> _Cut:
    return {
        "round": _Cut(thick * 1.12, 0.16, base - 0.04, 2.6),
        "v": _Cut(thick * 0.95, v_depth, base - 0.04, 1.0),
        "collar": _Cut(thick * 0.9, 0.22, base - 0.04, 1.0),
        "high": _Cut(thick * 1.04, -0.12, base - 0.22, 2.6),
        "bare": _Cut(shoulder * 0.8, 0.75, base + slope * 0.9, 2.6),
    }[neckline]


def dress(on: Surface, neckline: str, necklace: bool, rng: np.random.Generator) -> Body:
    """The body under the head: it follows a third of the head's tilt and none of its turn."""
    thick = on.shape.width * rng.uniform(0.56, 0.74)
    root = 0.25 * np.sin(on.pose.yaw)
    base, slope = rng.uniform(1.28, 1.5), rng.uniform(0.16, 0.36)
    shoulder = rng.uniform(1.45, 2.0)
    cos, sin = np.cos(-0.65 * on.pose.roll), np.sin(-0.65 * on.pose.roll)

    def place(points: Points) -> Points:
        away = points - np.array([root, 0.6])
        turned = np.stack([away[:, 0] * cos - away[:, 1] * sin, away[:, 0] * sin + away[:, 1] * cos], axis=1)
        return on.pose.place(turned + np.array([root, 0.6]))

    right = _flank(thick, base, slope, shoulder) + np.array([root * 0.4, 0.0])
    left = right * np.array([-1.0, 1.0]) + np.array([root * 0.8, 0.0])
    cut = _cut(neckline, thick, base, slope, shoulder, rng.uniform(0.35, 0.7))
    x = np.linspace(-1, 1, 15)
    edge = np.stack([x * cut.reach + root * 0.4, cut.top + cut.deep * (1 - np.abs(x) ** cut.power)], axis=1)
    wide = np.array([1.04 if neckline != "high" else 1.06, 1.0])
    sleeves = [side[side[:, 1] > cut.top - 0.02] * wide for side in (right, left)]
    cloth = np.concatenate([edge, sleeves[0], sleeves[1][::-1]])
    collar = curves.ribbon(edge, rng.uniform(0.05, 0.16)) if neckline in ("round", "collar", "high") else None
    band = None
    if necklace and neckline != "high":
        hang = np.stack([x * thick + root * 0.4, base - 0.2 + rng.uniform(0.12, 0.4) * (1 - x**2)], axis=1)
        band = place(curves.ribbon(hang, rng.uniform(0.025, 0.07)))
    jaw = on.outline.points()
    jaw = jaw[jaw[:, 1] > 0.3] + np.array([0.0, rng.uniform(0.12, 0.3)])
    whole = place(np.concatenate([left, right[::-1]]))
    return Body(whole, place(cloth), None if collar is None else place(collar), band, on.pose.place(jaw))


@dataclass(frozen=True)
class Hat:
    """Crown and brim of a hat (brim None when it has none)."""

    crown: Points
    brim: Points | None


def hat(kind: str, on: Surface, rng: np.random.Generator) -> Hat:
    """A hat over the skull; its lower edge is a curve around the head, seen from the front."""
    edge_y = rng.uniform(-0.78, -0.5)
    tall = rng.uniform(0.14, 0.4)
    contour = on.outline.points()
    middle = np.array([(on.outline.left[30] + on.outline.right[30]) / 2, -0.3])
    grown = middle + (contour - middle) * np.array([1.1 + rng.uniform(0, 0.05), 1.08 + tall])
    count = len(grown) // 2
    sides = edge_y + rng.uniform(0.05, 0.3)
    left, right = grown[:count][::-1], grown[count:][::-1]
    arc = np.concatenate([left[left[:, 1] < sides], right[right[:, 1] < sides]])
    x = np.linspace(1.1, -1.1, 15) * on.shape.width
    dip = edge_y - 0.35 * np.sin(on.pose.pitch) + (sides - edge_y) * np.abs(x / x[0]) ** 2
    band = on.plane(np.stack([np.clip(x, -on.shape.width * 0.97, on.shape.width * 0.97), dip], axis=1))
    crown = np.concatenate([arc, band])
    brim: Points | None = None
    if kind == "brim":
        wide = rng.uniform(1.25, 1.7)
        brim = curves.ellipse(
            (middle[0] + 0.1 * np.sin(on.pose.yaw), edge_y), on.shape.width * wide, rng.uniform(0.12, 0.26)
        )
    elif kind == "cap":
        front = on.pose.turn(np.array([[0.0, edge_y, 1.05]]))[0]
        brim = curves.ellipse((front[0], front[1] - 0.02), on.shape.width * 0.72, rng.uniform(0.1, 0.2))
    elif kind == "scarf":
        crown = np.concatenate([arc, band + np.array([0.0, 0.07])])
    else:
        brim = curves.ribbon(band + np.array([0.0, -0.06]), rng.uniform(0.12, 0.24))
    return Hat(on.pose.place(crown), None if brim is None else on.pose.place(brim))


@dataclass(frozen=True)
class Glasses:
    """Lenses and the frame's parts in the picture."""

    lenses: tuple[Points, Points]
    frame: tuple[Points, ...]


def _rounded(half_w: float, half_h: float, power: float) -> Points:
    """A superellipse about the origin: an ellipse at power 2, boxier above."""
    angle = np.linspace(0, 2 * np.pi, 33)[:-1]
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = np.sign(cos) * np.abs(cos) ** (2 / power), np.sign(sin) * np.abs(sin) ** (2 / power)
    return np.stack([x * half_w, y * half_h], axis=1)


def glasses(eye_distance: float, eye_height: float, on: Surface, rng: np.random.Generator) -> Glasses:
    """Two rounded lenses in front of the eyes, a bridge, and temple arms towards the ears."""
    half_w, half_h = rng.uniform(0.2, 0.265), rng.uniform(0.13, 0.22)
    lens = _rounded(half_w, half_h, float(rng.choice([2.0, 2.6, 4.0])))
    rim = rng.uniform(0.018, 0.055)
    front = on.shape.surface(np.array([[eye_distance, eye_height]]))[0, 2] + 0.1

    def flat(points: Points) -> Points:
        return on.pose.place(on.pose.turn(np.column_stack([points, np.full(len(points), front)])))

    centres = [np.array([side * max(eye_distance, half_w + 0.07), eye_height + 0.02]) for side in SIDES]
    rims = [_ring(flat(lens + c), flat(lens * (1 - rim / half_w) + c)) for c in centres]
    gap = centres[1][0] - half_w + 0.01
    over_nose = curves.as_points((-gap, eye_height - 0.03), (0.0, eye_height - 0.06), (gap, eye_height - 0.03))
    parts = [*rims, flat(curves.ribbon(over_nose, rim))]
    for side, centre in zip(SIDES, centres, strict=True):
        if side * on.pose.yaw > 0.12:
            continue
        start = np.array([side * (abs(centre[0]) + half_w * 0.97), eye_height - 0.05, front])
        end = np.array([side * on.shape.width * 1.02, eye_height - 0.06, -0.1])
        arm = on.pose.turn(np.stack([start, end]))
        parts.append(on.pose.place(curves.ribbon(arm, rim * 1.1)))
    return Glasses((flat(lens + centres[0]), flat(lens + centres[1])), tuple(parts))


def _ring(outer: Points, inner: Points) -> Points:
    """A closed band between two outlines of equal direction, cut open where they start."""
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])


def earring(ear: Ear, on: Surface, rng: np.random.Generator) -> Points:
    """A stud, drop or hoop hanging from the ear lobe."""
    size = on.pose.scale * rng.uniform(0.035, 0.08)
    long = rng.uniform(1.0, 3.2)
    x, y = ear.lobe
    outline = curves.ellipse((float(x), float(y + size * long * 0.8)), size, size * long)
    if long > 1.8 and rng.random() < 0.5:
        inner = curves.ellipse((float(x), float(y + size * long * 0.8)), size * 0.65, size * long * 0.8)
        return _ring(outline, inner)
    return outline


def hand(on: Surface, rng: np.random.Generator) -> tuple[Points, ...]:
    """Fingers and palm reaching into the face from below or the side."""
    side = rng.choice(SIDES)
    tip = np.array([side * rng.uniform(0.15, 0.75), rng.uniform(0.35, 0.9)])
    root = np.array([side * rng.uniform(0.8, 1.4), rng.uniform(1.5, 2.1)])
    along = (root - tip) / np.hypot(*(root - tip))
    across = np.array([-along[1], along[0]])
    parts: list[Points] = []
    wide = rng.uniform(0.12, 0.17)
    for finger in range(4):
        start = (
            tip + across * (finger - 1.5) * wide * 1.02 + along * (0.12 * (finger - 1.4) ** 2 + rng.uniform(0, 0.08))
        )
        line = start + along * np.linspace(0, 0.75, 8)[:, None]
        widths = wide * np.array([0.35, 0.75, 0.88, 0.92, 0.9, 0.97, 1.0, 1.0])
        parts.append(on.pose.place(curves.ribbon(line, widths)))
    palm = tip + along * 1.15
    parts.append(
        on.pose.place(
            curves.ribbon(
                palm + along * np.linspace(-0.5, 1.6, 6)[:, None], wide * np.array([3.9, 4.2, 3.8, 3.0, 2.8, 2.8])
            )
        )
    )
    return tuple(parts)


def thing(on: Surface, rng: np.random.Generator) -> Points:
    """An object in front of the face: a rounded box or a blob (phone, cup, microphone)."""
    x, y = rng.choice(SIDES) * rng.uniform(0.35, 0.9), rng.uniform(-0.5, 1.1)
    power = float(rng.choice([2.0, 5.0]))
    box = _rounded(rng.uniform(0.16, 0.34), rng.uniform(0.2, 0.5), power)
    turn = rng.uniform(-0.7, 0.7)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return on.pose.place(box @ rotation + np.array([x, y]))
