"""Closed outlines from a few control points, in whatever units the points have."""

from __future__ import annotations

import numpy as np

from segdata.faces.synthetic.shapes.raster import Points


def as_points(*pairs: tuple[float, float]) -> Points:
    """(N, 2) float64 array of the given (x, y) pairs."""
    return np.asarray(pairs, dtype=np.float64)


def _catmull_rom(p0: Points, p1: Points, p2: Points, p3: Points, steps: int) -> Points:
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (p[:, None, :] for p in (p0, p1, p2, p3))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    smooth: Points = curve.reshape(-1, p0.shape[1])
    return smooth


def closed(points: Points, steps: int = 5) -> Points:
    """Smooth closed curve through all points (Catmull-Rom), `steps` vertices per span; works in 2-D and 3-D."""
    return _catmull_rom(np.roll(points, 1, 0), points, np.roll(points, -1, 0), np.roll(points, -2, 0), steps)


def through(points: Points, steps: int = 5) -> Points:
    """Smooth open curve through all points, both ends included."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    curve = _catmull_rom(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], steps)
    return np.concatenate([curve, points[-1:]])


def ribbon(line: Points, widths: float | Points) -> Points:
    """Outline of a stroke along `line` (N, 2) with full width `widths` (one number, or N of them)."""
    along = np.gradient(line, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    across = np.stack([-along[:, 1] / length, along[:, 0] / length], axis=1)
    half = np.broadcast_to(np.asarray(widths, dtype=np.float64) / 2, (len(line),))[:, None]
    return np.concatenate([line + across * half, (line - across * half)[::-1]])


def ellipse(centre: tuple[float, float], rx: float, ry: float, turn: float = 0.0, vertices: int = 28) -> Points:
    """Ellipse outline; `turn` in radians."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    x, y = rx * np.cos(angle), ry * np.sin(angle)
    return np.stack(
        [centre[0] + x * np.cos(turn) - y * np.sin(turn), centre[1] + x * np.sin(turn) + y * np.cos(turn)], axis=1
    )


def ragged(points: Points, rng: np.random.Generator, amount: float, run: int = 1) -> Points:
    """Move every vertex at random by up to about `amount`, `run` neighbouring vertices moving alike."""
    shift = rng.normal(0.0, amount, size=(len(points) // run + 2, points.shape[1]))
    spread: Points = points + np.repeat(shift, run, axis=0)[: len(points)]
    return spread
