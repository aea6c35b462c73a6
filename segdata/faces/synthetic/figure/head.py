"""The head: a stack of elliptical cross-sections that turns, nods and tilts.

Head units: the face is 2 high (hairline about y = -0.9, chin at y = 1), x to the right of the picture, y down,
z towards the viewer. `turn` maps head points to the *face plane* (u, v), upright and still in head units; `place` maps
the face plane to the picture (0..1), with roll, scale and position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segdata.faces.synthetic.shapes.raster import Field, Points

CROWN = -1.25
CHIN = 1.0
Levels = NDArray[np.float64]


@dataclass(frozen=True)
class HeadShape:
    """Individual build of a head; lengths in head units."""

    width: float
    jaw_power: float
    chin_power: float
    depth: float

    def half_width(self, y: Levels) -> Levels:
        """Half the head's width at height y."""
        upper = np.minimum(np.maximum(y / CROWN, 0.0), 1.0) ** 2.9
        lower = np.minimum(np.maximum(y / CHIN, 0.0), 1.0) ** self.jaw_power
        width: Levels = self.width * (1 - upper) ** 0.46 * (1 - lower) ** self.chin_power
        return width

    def axis(self, y: Levels) -> Levels:
        """z of the cross-section's centre: the jaw sits further forward than the skull."""
        return np.interp(y, [CROWN, -0.2, 0.35, CHIN], [-0.12, -0.08, 0.08, 0.34])

    def half_depth(self, y: Levels) -> Levels:
        """Half the head's depth at height y."""
        front = np.interp(y, [CROWN, -0.7, 0.0, 0.6, CHIN], [0.7, 0.8, 0.8, 0.83, 0.78]) * self.depth
        return (front - self.axis(y)) * (self.half_width(y) / self.width) ** 0.5

    def surface(self, xy: Points, lift: float | Levels = 0.0) -> Points:
        """(N, 3) points on the front of the head above (x, y), raised by `lift`; x is held inside the head."""
        y = xy[:, 1]
        width = np.maximum(self.half_width(y), 1e-6)
        x = np.clip(xy[:, 0], -width, width)
        z = self.axis(y) + self.half_depth(y) * np.sqrt(np.maximum(0.0, 1 - (x / width) ** 2)) + lift
        return np.stack([xy[:, 0], y, z], axis=1)


@dataclass(frozen=True)
class Pose:
    """Where the head looks (radians) and where it stands in the picture (picture units)."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: tuple[float, float]

    def turn(self, xyz: Points) -> Points:
        """Head points (N, 3) to the face plane (N, 2)."""
        x, y, z = xyz[:, 0], xyz[:, 1], xyz[:, 2]
        u = x * np.cos(self.yaw) + z * np.sin(self.yaw)
        depth = z * np.cos(self.yaw) - x * np.sin(self.yaw)
        return np.stack([u, y * np.cos(self.pitch) - depth * np.sin(self.pitch)], axis=1)

    def place(self, uv: Points) -> Points:
        """Face plane (N, 2) to the picture (N, 2)."""
        cos, sin = np.cos(self.roll) * self.scale, np.sin(self.roll) * self.scale
        x = uv[:, 0] * cos - uv[:, 1] * sin + self.centre[0]
        y = uv[:, 0] * sin + uv[:, 1] * cos + self.centre[1]
        return np.stack([x, y], axis=1)

    def plane_grid(self, size: int) -> tuple[Field, Field]:
        """(u, v) of every pixel centre of a size x size picture, float32 (size, size) each."""
        steps = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
        dx, dy = steps[None, :] - np.float32(self.centre[0]), steps[:, None] - np.float32(self.centre[1])
        cos, sin = np.float32(np.cos(self.roll) / self.scale), np.float32(np.sin(self.roll) / self.scale)
        return dx * cos + dy * sin, dy * cos - dx * sin


@dataclass(frozen=True)
class Outline:
    """The head's silhouette in the face plane, level by level from crown to chin."""

    v: Levels
    left: Levels
    right: Levels

    def points(self) -> Points:
        """Closed outline (2N, 2), starting at the crown, down the left side."""
        left = np.stack([self.left, self.v], axis=1)
        right = np.stack([self.right, self.v], axis=1)
        return np.concatenate([left, right[::-1]])

    def sides(self, v: float) -> tuple[float, float]:
        """Left and right edge at height v."""
        return float(np.interp(v, self.v, self.left)), float(np.interp(v, self.v, self.right))


def outline(shape: HeadShape, pose: Pose) -> Outline:
    """Silhouette of the turned cross-sections: centre shifted by the axis, half-width from the rotated ellipse."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 61)
    y = np.where(angle < 0, np.sin(angle) * -CROWN, np.sin(angle) * CHIN)
    sin, cos = np.sin(pose.yaw), np.cos(pose.yaw)
    reach = np.hypot(shape.half_width(y) * cos, shape.half_depth(y) * sin)
    middle = shape.axis(y) * sin
    v = y * np.cos(pose.pitch) - shape.axis(y) * cos * np.sin(pose.pitch)
    return Outline(v=np.maximum.accumulate(v), left=middle - reach, right=middle + reach)
