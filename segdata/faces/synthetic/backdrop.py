"""What is behind the person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segdata.faces.synthetic import curves
from segdata.faces.synthetic.canvas import Canvas, soft
from segdata.faces.synthetic.look import Look
from segdata.faces.synthetic.raster import Field
from segdata.faces.synthetic.texture import clouds


def _mix(first: Field, second: Field, weight: Field) -> Field:
    mixed: Field = first + (second - first) * weight[..., None]
    return mixed


def _colours(look: Look) -> tuple[Field, Field, Field]:
    a, b, c = (np.asarray(colour, dtype=np.float32) for colour in look.backdrop_colours)
    return a, b, c


def _ramp(size: int, rng: np.random.Generator) -> Field:
    steps = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = steps[None, :] * np.float32(np.cos(angle)) + steps[:, None] * np.float32(np.sin(angle))
    return np.clip(ramp * np.float32(rng.uniform(0.5, 1.5)) + 0.5, 0, 1)


def _gradient(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    return _mix(a, b * 0.5 + a * 0.5, _ramp(size, rng)) * (1 + 0.05 * clouds(rng, size, 24)[..., None])


def _clouds(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    return _mix(a, b, np.clip(0.5 + 0.6 * clouds(rng, size, int(rng.integers(3, 12)), 3), 0, 1))


def _bokeh(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, b, c = _colours(look)
    canvas = Canvas(_mix(a, b, _ramp(size, rng)) * np.float32(0.7))
    for _ in range(int(rng.integers(4, 14))):
        x, y, r = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.02, 0.16)
        shade = soft([curves.ellipse((x, y), r, r)], size, 0.02) * np.float32(rng.uniform(0.2, 0.7))
        canvas.blend((slice(None), slice(None)), shade, tuple(np.clip(c * rng.uniform(0.5, 1.6), 0, 1)))
    return canvas.pixels


def _stripes(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    wave = _ramp(size, rng) * np.float32(rng.uniform(5, 30)) + clouds(rng, size, 4) * np.float32(rng.uniform(0, 0.6))
    return _mix(a, b, np.clip(0.5 + 1.5 * np.sin(wave * np.float32(2 * np.pi) / 2), 0, 1) * np.float32(rng.uniform(0.2, 1)))


def _bricks(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    rows, columns = rng.integers(5, 18), rng.integers(3, 9)
    steps = np.arange(size, dtype=np.float32) / size
    y = steps[:, None] * np.float32(rows)
    x = steps[None, :] * np.float32(columns) + (np.floor(y) % 2) * np.float32(0.5 * rng.integers(0, 2))
    joint = ((y % 1) < 0.09) | ((x % 1) < 0.05)
    shade = rng.uniform(0.75, 1.1, (int(rows) + 1, int(columns) + 2)).astype(np.float32)
    tone = shade[np.floor(y).astype(int), np.floor(x).astype(int)] + 0.08 * clouds(rng, size, 40)
    picture = a * tone[..., None]
    picture[np.broadcast_to(joint, (size, size))] = b * np.float32(0.8)
    return picture


def _wall(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, _, _ = _colours(look)
    tone = 0.85 + 0.3 * _ramp(size, rng) + 0.08 * clouds(rng, size, int(rng.integers(4, 50)), 2)
    return a * tone[..., None]


def _strands(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, _, _ = _colours(look)
    steps = np.linspace(0, 1, size, dtype=np.float32)
    wave = clouds(rng, size, 3) * np.float32(0.05) + steps[None, :]
    table = rng.uniform(0.6, 1.3, 256).astype(np.float32)
    return a * table[(wave * np.float32(rng.uniform(60, 200))).astype(np.int32) % 256][..., None]


def _window(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, b, c = _colours(look)
    canvas = Canvas(_mix(a, a * 0.7, _ramp(size, rng)))
    for _ in range(int(rng.integers(2, 6))):
        x, y, w, h = rng.uniform(-0.1, 0.9), rng.uniform(-0.1, 0.8), rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.6)
        box = curves.as_points((x, y), (x + w, y), (x + w, y + h), (x, y + h))
        tint = np.clip((b if rng.random() < 0.5 else c) * rng.uniform(0.5, 1.6), 0, 1)
        canvas.blend((slice(None), slice(None)), soft([box], size, rng.uniform(0.005, 0.03)), tuple(tint))
    return canvas.pixels


def _foliage(look: Look, size: int, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    green = np.array([0.35, 0.5, 0.2], dtype=np.float32) * np.float32(rng.uniform(0.5, 1.3))
    leaf = np.clip(0.5 + clouds(rng, size, int(rng.integers(10, 28)), 2), 0, 1)
    deep = np.clip(0.4 + clouds(rng, size, 4), 0, 1)
    return _mix(_mix(green * 0.3, green, leaf), b * 0.4 + a * 0.3, deep * np.float32(0.4))


_PAINTERS: dict[str, Callable[[Look, int, np.random.Generator], Field]] = {
    "gradient": _gradient, "bokeh": _bokeh, "clouds": _clouds, "stripes": _stripes, "bricks": _bricks, "skin_wall": _wall,
    "hair_wall": _strands, "window": _window, "foliage": _foliage,
}  # fmt: skip


def paint_backdrop(look: Look, size: int, rng: np.random.Generator) -> Field:
    """float32 (size, size, 3), 0..1."""
    picture = _PAINTERS[look.backdrop](look, size, rng)
    bright = np.float32(0.5 + 0.5 * sum(look.light.key) / 3)
    return np.ascontiguousarray(np.clip(picture * bright, 0, 1), dtype=np.float32)
