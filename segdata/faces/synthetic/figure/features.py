"""Eyes, brows, nose, mouth and ears: outlines drawn on the head's surface, then projected into the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segdata.faces.synthetic.figure.head import HeadShape, Levels, Outline, Pose
from segdata.faces.synthetic.shapes import curves
from segdata.faces.synthetic.shapes.raster import Points

SIDES = (-1, 1)
"""Left and right as the viewer sees them: -1 is the left half of the picture for an upright face."""

SHUT_BELOW = 0.14
"""An eye less open than this counts as shut: only the lash line is seen, and it has no eye pixels."""


@dataclass(frozen=True)
class Build:
    """Proportions and expression of one face, head units (see `head`) unless said otherwise."""

    eye_distance: float
    eye_height: float
    eye_width: float
    eye_tilt: float
    openness: tuple[float, float]
    gaze: tuple[float, float]
    iris: float
    brow_raise: tuple[float, float]
    brow_arch: float
    brow_thickness: float
    nose_width: float
    nose_length: float
    nose_reach: float
    mouth_height: float
    mouth_width: float
    smile: float
    mouth_open: float
    upper_lip: float
    lower_lip: float
    ear_length: float
    ear_flare: float


@dataclass(frozen=True)
class Surface:
    """Projects outlines that lie on one head."""

    shape: HeadShape
    pose: Pose
    outline: Outline

    def plane(self, xy: Points, lift: float | Levels = 0.0) -> Points:
        """Points on the head's front to the face plane; what lies past the limb is held at the limb.

        On an ellipse of half-axes (w, d) turned by yaw the limb is at x = w * w cos / hypot(w cos, d sin).
        """
        width, depth = self.shape.half_width(xy[:, 1]), self.shape.half_depth(xy[:, 1])
        facing = width * np.cos(self.pose.yaw)
        limb = width * facing / np.maximum(np.hypot(facing, depth * np.sin(self.pose.yaw)), 1e-6)
        held = xy.copy()
        held[:, 0] = np.minimum(xy[:, 0], limb) if self.pose.yaw > 0 else np.maximum(xy[:, 0], -limb)
        return self.pose.turn(self.shape.surface(held, lift))

    def picture(self, xy: Points, lift: float | Levels = 0.0) -> Points:
        """Points on the head's front to the picture."""
        return self.pose.place(self.plane(xy, lift))


@dataclass(frozen=True)
class Eye:
    """One eye in the picture; `opening` is None when it is shut."""

    opening: Points | None
    lash: Points
    crease: Points
    lower_rim: Points
    iris: Points
    pupil: Points
    glint: Points
    width: float


def eye(side: int, build: Build, on: Surface) -> Eye:
    """The eye on `side`: almond opening between two lid curves, iris behind the lids."""
    openness = build.openness[0 if side < 0 else 1]
    cx, cy, half = side * build.eye_distance, build.eye_height, build.eye_width
    t = np.linspace(-1, 1, 13)
    shut = openness < SHUT_BELOW
    tilt = -build.eye_tilt * half * t * side
    bulge = (1 - np.abs(t) ** 2.3) ** 0.85
    upper = cy + tilt - half * (0.0 if shut else 0.62 * openness) * bulge * (1 - 0.18 * t * side)
    lower = cy + tilt + half * (0.2 if shut else 0.2 + 0.12 * openness) * bulge * (1 + 0.15 * t * side)
    x = cx + half * t
    lash_y = lower if shut else upper
    lash = on.picture(np.stack([x, lash_y], axis=1))
    crease_y = cy + tilt - half * (0.34 + 0.42 * openness) * bulge
    crease = on.picture(np.stack([x, crease_y], axis=1)[1:-1])
    rim = on.picture(np.stack([x, lower], axis=1))
    look_x = cx + build.gaze[0] * half * 0.5
    look_y = cy + half * (0.06 - 0.16 * openness + build.gaze[1] * 0.16)
    radius = build.iris * half
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)

    def disc(r: float, dx: float = 0.0, dy: float = 0.0) -> Points:
        return on.picture(
            np.stack([look_x + dx + r * np.cos(angle), look_y + dy + r * np.sin(angle)], axis=1), lift=0.02
        )

    opening = None if shut else np.concatenate([lash, rim[::-1][1:-1]])
    return Eye(
        opening,
        lash,
        crease,
        rim,
        disc(radius),
        disc(radius * 0.42),
        disc(radius * 0.22, radius * 0.3, -radius * 0.35),
        half * on.pose.scale,
    )


def brow(side: int, build: Build, on: Surface) -> Points:
    """Outline of the eyebrow on `side`: thick near the nose, thin at the temple."""
    raised = build.brow_raise[0 if side < 0 else 1]
    t = np.linspace(0, 1, 9)
    x = side * (build.eye_distance - build.eye_width * 1.12 + t * build.eye_width * 2.45)
    y = build.eye_height - 0.17 - raised - build.brow_arch * np.sin(np.pi * np.clip(t * 0.85, 0, 1)) + 0.05 * t**3
    thick = build.brow_thickness * (0.55 + 0.6 * np.sin(np.pi * (0.18 + 0.55 * t))) * (1 - 0.75 * t**3)
    plane = np.stack([x, y], axis=1)
    return on.picture(curves.ribbon(curves.through(plane, 3), np.interp(np.linspace(0, 1, 25), t, thick)))


@dataclass(frozen=True)
class Nose:
    """Nose region, nostrils and tip in the picture; `ridge` runs from bridge to tip in the face plane."""

    region: Points
    nostrils: tuple[Points, Points]
    ridge: Points
    base_width: float


def nose(build: Build, on: Surface) -> Nose:
    """The nose between the eyes and its base; at a turned head the ridge may cross the far cheek's edge."""
    top, base = build.eye_height - 0.05, build.eye_height + build.nose_length
    t = np.array([0.0, 0.15, 0.35, 0.55, 0.72, 0.82, 0.92, 1.0])
    y = top + (base - top) * t
    half = build.nose_width * np.array([0.34, 0.36, 0.46, 0.62, 0.86, 1.0, 0.98, 0.66])
    reach = build.nose_reach * np.array([0.1, 0.2, 0.45, 0.7, 0.95, 1.0, 0.85, 0.45])
    left = on.plane(np.stack([-half, y], axis=1), lift=0.12 * reach)
    right = on.plane(np.stack([half, y], axis=1), lift=0.12 * reach)
    ridge = on.plane(np.stack([0 * y, y], axis=1), lift=reach)
    margin = 0.25 * half
    left[:, 0] = np.minimum(left[:, 0], ridge[:, 0] - margin)
    right[:, 0] = np.maximum(right[:, 0], ridge[:, 0] + margin)
    base_middle = ridge[-1:] * 0.5 + (left[-1:] + right[-1:]) * 0.25 + [[0.0, 0.03]]
    outline = np.concatenate([curves.through(np.concatenate([left, base_middle, right[::-1]]), 4)])
    nostrils = tuple(
        on.picture(
            np.array([[side * build.nose_width * 0.48, base - 0.02]])
            + curves.ellipse((0, 0), build.nose_width * 0.24, 0.022, side * 0.35, 14),
            lift=0.35 * build.nose_reach,
        )
        for side in SIDES
    )
    return Nose(on.pose.place(outline), (nostrils[0], nostrils[1]), ridge, build.nose_width)


@dataclass(frozen=True)
class Mouth:
    """Lips in the picture; `inner` is None when the mouth is shut."""

    upper: Points
    lower: Points
    inner: Points | None
    teeth: Points | None
    tongue: Points | None
    line: Points


def mouth(build: Build, on: Surface) -> Mouth:
    """Both lips around the mouth line; opening moves the lower lip down and shows teeth and tongue."""
    t = np.linspace(-1, 1, 13)
    half = build.mouth_width * (1 + 0.18 * max(build.smile, 0.0) - 0.12 * build.mouth_open)
    arch = 1 - t**2
    x, line = half * t, build.mouth_height - 0.10 * build.smile * (t**2 - 0.35)
    gap_up, gap_down = 0.05 * build.mouth_open * arch**0.7, 0.25 * build.mouth_open * arch**0.7
    cupid = np.exp(-((np.abs(t) - 0.26) ** 2) / 0.05) * 0.28 + 0.72
    inner_up = line - gap_up + 0.008 * np.cos(3 * np.pi * t) * arch
    inner_down = line + gap_down + (0.008 * np.cos(3 * np.pi * t) * arch if build.mouth_open == 0 else 0)
    outer_up = inner_up - build.upper_lip * cupid * arch**0.75
    outer_down = inner_down + build.lower_lip * arch**0.62

    def between(first: Levels, second: Levels, squeeze: float = 1.0) -> Points:
        edge = np.concatenate([np.stack([x * squeeze, first], 1), np.stack([x * squeeze, second], 1)[::-1]])
        return on.picture(edge, lift=0.03)

    inner = teeth = tongue = None
    if build.mouth_open > 0:
        inner = between(inner_up, inner_down)
        teeth = between(inner_up, np.minimum(inner_up + 0.075 * arch**0.4, inner_down), 0.86)
        tongue = between(np.maximum(inner_down - 0.10 * arch, inner_up), inner_down, 0.7)
    return Mouth(
        between(outer_up, inner_up),
        between(inner_down, outer_down),
        inner,
        teeth,
        tongue,
        on.picture(np.stack([x, (inner_up + inner_down) / 2], 1), lift=0.03),
    )


@dataclass(frozen=True)
class Ear:
    """An ear in the picture: outline, the hollow inside it, and where an earring hangs."""

    outline: Points
    hollow: Points
    lobe: Points
    near: bool


_EAR = curves.as_points(
    (-0.1, -0.5),
    (0.22, -0.93),
    (0.62, -1.0),
    (0.95, -0.72),
    (1.0, -0.25),
    (0.82, 0.2),
    (0.6, 0.6),
    (0.4, 0.95),
    (0.12, 1.0),
    (-0.1, 0.6),
)


def ear(side: int, build: Build, on: Surface) -> Ear:
    """The ear on `side`, attached at the head's widest place and leaning back and out."""
    length = build.ear_length
    middle = build.eye_height + 0.2

    def points(local: Points) -> Points:
        y = middle + length * local[:, 1] - 0.06 * local[:, 0]
        out = on.shape.half_width(y) * 0.97 + length * 0.55 * build.ear_flare * local[:, 0]
        back = -0.1 - length * 0.62 * (1 - build.ear_flare) * np.maximum(local[:, 0], 0) - 0.1 * (y - middle)
        return on.pose.place(on.pose.turn(np.stack([side * out, y, back], axis=1)))

    hollow = np.array([0.42, -0.15]) + (_EAR - np.array([0.42, -0.1])) * np.array([0.55, 0.62])
    near = side * on.pose.yaw < -0.1
    return Ear(
        points(curves.closed(_EAR, 4)), points(curves.closed(hollow, 4)), points(np.array([[0.3, 0.9]]))[0], near
    )
