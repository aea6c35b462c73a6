"""What is behind the person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segdata.faces.synthetic.figure.look import Look
from segdata.faces.synthetic.paint.canvas import Canvas, View, clip01, rgb, soft
from segdata.faces.synthetic.shapes import curves
from segdata.faces.synthetic.shapes.raster import Field
from segdata.faces.synthetic.shapes.texture import look_up, strand_table


def _mix(first: Field, second: Field, weight: Field) -> Field:
    mixed: Field = first + (second - first) * weight
    return mixed


def _colours(look: Look) -> tuple[Field, Field, Field]:
    a, b, c = (rgb(colour) for colour in look.backdrop_colours)
    return a, b, c


def _ramp(view: View, rng: np.random.Generator) -> Field:
    steps = (np.arange(view.size, dtype=np.float32) + np.float32(0.5)) / np.float32(view.size) - np.float32(0.5)
    angle, steep = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.5)
    across, down = np.float32(np.cos(angle) * steep), np.float32(np.sin(angle) * steep)
    return clip01(steps[None, :] * across + (steps * down + np.float32(0.5))[:, None])


def _gradient(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    return _mix(a, b * 0.5 + a * 0.5, _ramp(view, rng)) * (1 + np.float32(0.05) * view.clouds(rng, 24))


def _clouds(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    return _mix(a, b, clip01(np.float32(0.5) + np.float32(0.6) * view.clouds(rng, int(rng.integers(3, 12)), 3)))


def _bokeh(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, b, c = _colours(look)
    canvas = Canvas(view, _mix(a, b, _ramp(view, rng)) * np.float32(0.7))
    for _ in range(int(rng.integers(4, 14))):
        x, y, r = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.02, 0.16)
        tint = clip01(c * np.float32(rng.uniform(0.5, 1.6)))
        canvas.blend(soft(curves.ellipse((x, y), r, r), view.size, 0.02), tint, rng.uniform(0.2, 0.7))
    return canvas.pixels


def _stripes(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    wave = _ramp(view, rng) * np.float32(rng.uniform(15, 90)) + view.clouds(rng, 4) * np.float32(rng.uniform(0, 2))
    return _mix(a, b, clip01(np.float32(0.5) + np.float32(1.5) * np.sin(wave)) * np.float32(rng.uniform(0.2, 1)))


def _bricks(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    rows, columns = int(rng.integers(5, 18)), int(rng.integers(3, 9))
    steps = (np.arange(view.size, dtype=np.float32) + np.float32(0.5)) / np.float32(view.size)
    y = np.broadcast_to(steps[:, None] * np.float32(rows), view.shape)
    x = steps[None, :] * np.float32(columns) + (np.floor(y) % 2) * np.float32(0.5 * rng.integers(0, 2))
    joint = ((y % 1) < 0.09) | ((x % 1) < 0.05)
    shade = rng.uniform(0.75, 1.1, (rows + 1, columns + 2)).astype(np.float32)
    tone = shade[np.floor(y).astype(int), np.floor(x).astype(int)] + np.float32(0.12) * view.clouds(rng, 40, 2)
    return np.where(joint, b * np.float32(0.8), a * tone)


def _wall(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, _, _ = _colours(look)
    grain = view.clouds(rng, int(rng.integers(4, 50)), 2)
    return a * (np.float32(0.85) + np.float32(0.3) * _ramp(view, rng) + np.float32(0.08) * grain)


def _strands(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, _, _ = _colours(look)
    steps = np.arange(view.size, dtype=np.float32) / np.float32(view.size)
    wave = view.clouds(rng, 3) * np.float32(0.05) + (steps if rng.random() < 0.7 else steps[:, None])
    return a * (
        np.float32(0.95) + np.float32(0.4) * look_up(strand_table(rng), wave * np.float32(rng.uniform(0.2, 0.6)))
    )


def _window(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, b, c = _colours(look)
    canvas = Canvas(view, _mix(a, a * np.float32(0.7), _ramp(view, rng)))
    for _ in range(int(rng.integers(2, 6))):
        x, y, w, h = rng.uniform(-0.1, 0.9), rng.uniform(-0.1, 0.8), rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.6)
        box = curves.as_points((x, y), (x + w, y), (x + w, y + h), (x, y + h))
        tint = clip01((b if rng.random() < 0.5 else c) * np.float32(rng.uniform(0.5, 1.6)))
        canvas.blend(soft(box, view.size, rng.uniform(0.005, 0.03)), tint)
    return canvas.pixels


def _foliage(look: Look, view: View, rng: np.random.Generator) -> Field:
    a, b, _ = _colours(look)
    green = rgb((0.35, 0.5, 0.2)) * np.float32(rng.uniform(0.5, 1.3))
    leaf = clip01(np.float32(0.5) + view.clouds(rng, int(rng.integers(8, 22)), 3))
    deep = clip01(np.float32(0.4) + view.clouds(rng, 4))
    return _mix(_mix(green * np.float32(0.25), green, leaf), b * 0.4 + a * 0.3, deep * np.float32(0.4))


_PAINTERS: dict[str, Callable[[Look, View, np.random.Generator], Field]] = {
    "gradient": _gradient,
    "bokeh": _bokeh,
    "clouds": _clouds,
    "stripes": _stripes,
    "bricks": _bricks,
    "skin_wall": _wall,
    "hair_wall": _strands,
    "window": _window,
    "foliage": _foliage,
}


def paint_backdrop(look: Look, view: View, rng: np.random.Generator) -> Canvas:
    """The picture before anybody stands in it; `view` must be the whole picture."""
    picture = _PAINTERS[look.backdrop](look, view, rng)
    bright = np.float32(0.5 + 0.5 * sum(look.light.key) / 3)
    return Canvas(view, clip01(np.ascontiguousarray(picture * bright, dtype=np.float32)))
