"""Light on the head: a relief of bumps on the rounded skull, lit softly as skin is.

The head's normal comes from its silhouette (each level is a half-circle between the two edges); nose, sockets, cheeks,
lips and chin are Gaussian bumps whose slopes tilt that normal. Nothing of the nose is drawn with a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from segdata.faces.synthetic.figure.features import Build, Surface
from segdata.faces.synthetic.figure.look import Light
from segdata.faces.synthetic.figure.scene import Scene
from segdata.faces.synthetic.paint.canvas import View, rgb
from segdata.faces.synthetic.shapes.raster import Field, Window

Bump = tuple[float, float, float, float, float, float]
"""x, y, lift, spread across, spread down, height; head units."""

WRAP = (0.42, 0.26, 0.2)
"""How far light creeps round the terminator, per channel: red travels furthest in skin."""


class Normal(NamedTuple):
    """Unit normals: x right, y down, z to the viewer."""

    x: Field
    y: Field
    z: Field


def _pair(x: float, y: float, lift: float, sx: float, sy: float, height: float) -> list[Bump]:
    return [(-x, y, lift, sx, sy, height), (x, y, lift, sx, sy, height)]


def _relief(build: Build, age: float) -> list[Bump]:
    eye, base = build.eye_height, build.eye_height + build.nose_length
    wide, reach, lips = build.nose_width, build.nose_reach, build.mouth_height + 0.22 * build.mouth_open
    smile = max(build.smile, 0.0)
    return [
        *_pair(build.eye_distance, eye - 0.17, 0, 0.2, 0.07, 0.03),
        *_pair(build.eye_distance * 0.9, eye - 0.02, 0, 0.15, 0.1, -0.055),
        *_pair(build.eye_distance, eye - 0.01, 0, 0.11, 0.065, 0.028),
        *_pair(build.eye_distance, eye + 0.14, 0, 0.12, 0.03, 0.012 + 0.02 * age),
        (0, eye + 0.17, reach * 0.4, wide * 0.36, 0.2, 0.3 * reach),
        (0, base - 0.1, reach, wide * 0.5, 0.07, 0.4 * reach),
        *_pair(wide * 0.72, base - 0.07, reach * 0.4, wide * 0.3, 0.055, 0.19 * reach),
        *_pair(0.43, eye + 0.3, 0, 0.17, 0.13, 0.05 + 0.035 * smile),
        *_pair(0.5, 0.5, 0, 0.12, 0.15, -0.03 - 0.02 * age),
        *_pair(0.27 + 0.03 * smile, base + 0.05, 0, 0.045, 0.1, -0.008 - 0.012 * smile - 0.012 * age),
        (0, (base + build.mouth_height) / 2 - 0.02, 0, 0.03, 0.045, -0.012),
        (0, build.mouth_height - 0.05, 0, 0.17, 0.04, 0.022),
        (0, lips + 0.07, 0, 0.15, 0.042, 0.034),
        (0, lips + 0.17, 0, 0.14, 0.035, -0.022),
        (0, 0.88, 0, 0.14, 0.09, 0.045),
        *_pair(0.3, -0.58, 0, 0.22, 0.16, 0.02),
        *_pair(0.68, -0.3, 0, 0.1, 0.22, -0.03),
    ]


class Hill(NamedTuple):
    """One evaluated bump: where in the view, its height there, and its slope along u and v."""

    window: Window
    height: Field
    slope_u: Field
    slope_v: Field


def hills(bumps: list[Bump], on: Surface, view: View) -> Iterator[Hill]:
    """Evaluate Gaussian bumps where they can be felt; their centres turn with the head."""
    table = np.asarray(bumps, dtype=np.float64)
    centres = on.plane(table[:, :2], lift=table[:, 2])
    places = on.pose.place(centres) * view.size
    narrow = max(float(np.cos(on.pose.yaw)), 0.6)
    reach = 3.0 * np.maximum(table[:, 3], table[:, 4]) * on.pose.scale * view.size
    low, high = np.floor(places - reach[:, None]).astype(int), np.ceil(places + reach[:, None]).astype(int)
    for (_, _, _, across, down, height), centre, first, last in zip(bumps, centres, low, high, strict=True):
        window, _ = view.local((slice(first[1], last[1]), slice(first[0], last[0])))
        du = (view.u[window] - np.float32(centre[0])) * np.float32(1 / (across * narrow))
        dv = (view.v[window] - np.float32(centre[1])) * np.float32(1 / down)
        hill = np.exp(np.float32(-0.5) * (du * du + dv * dv)) * np.float32(height)
        yield Hill(window, hill, hill * du * np.float32(-1 / (across * narrow)), hill * dv * np.float32(-1 / down))


def head_normal(scene: Scene, view: View) -> Normal:
    """Normals of the head at every pixel of the view; meaningless off the head."""
    outline = scene.on.outline
    levels = np.linspace(outline.v[0], outline.v[-1], 256)
    edges = np.stack([np.interp(levels, outline.v, outline.left), np.interp(levels, outline.v, outline.right)])
    middle = ((edges[0] + edges[1]) / 2).astype(np.float32)
    inverse = (1 / np.maximum((edges[1] - edges[0]) / 2, 0.05)).astype(np.float32)
    top, tall = np.float32(outline.v[0]), np.float32(outline.v[-1] - outline.v[0])
    level = np.minimum(np.maximum((view.v - top) / tall, 0), 1)
    row = (level * np.float32(255)).astype(np.int32)
    nx = np.minimum(np.maximum((view.u - middle[row]) * inverse[row], -1), 1) * np.float32(0.97)
    ny = np.minimum(np.maximum((view.v + np.float32(0.1)) / tall * 2, -1), 1)
    ny *= np.abs(ny) * np.float32(0.75)
    nx *= np.sqrt(np.abs(nx))
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, np.float32(0.06)))
    nx /= nz
    ny /= nz
    for window, _, slope_u, slope_v in hills(_relief(scene.build, scene.look.age), scene.on, view):
        nx[window] -= slope_u
        ny[window] -= slope_v
    length = np.float32(1) / np.sqrt(nx * nx + ny * ny + 1)
    return Normal(nx * length, ny * length, length)


def occlusion(scene: Scene, view: View) -> Field:
    """Where little light gets in: inner eye corners, under the nose and the lower lip; 1 is open."""
    build = scene.build
    eye, base = build.eye_height, build.eye_height + build.nose_length
    lips = build.mouth_height + 0.25 * build.mouth_open
    dents: list[Bump] = [
        *_pair(build.eye_distance * 0.62, eye - 0.04, 0, 0.06, 0.08, 0.3),
        *_pair(build.eye_distance, eye - 0.06, 0, 0.17, 0.05, 0.16),
        (0, base + 0.035, 0.03, build.nose_width * 0.8, 0.035, 0.34),
        *_pair(build.nose_width * 1.06, base - 0.06, 0, 0.025, 0.06, 0.2),
        (0, lips + 0.155, 0, 0.12, 0.03, 0.22),
        *_pair(build.mouth_width * 1.06, build.mouth_height - 0.05 * build.smile, 0, 0.03, 0.035, 0.2),
        *_pair(0.62, -0.62, 0, 0.12, 0.2, 0.12),
    ]
    open_sky = np.ones(view.shape, dtype=np.float32)
    for hill in hills(dents, scene.on, view):
        open_sky[hill.window] *= 1 - hill.height
    return open_sky


def lit(normal: Normal, light: Light, gloss: float, shadow: Field) -> tuple[Field, Field]:
    """Diffuse light per channel (3, rows, columns) and highlight (rows, columns) for unit normals.

    `shadow` (rows, columns) is the share of the key light that arrives, 0..1.
    """
    lx, ly, lz = (np.float32(part) for part in light.towards)
    facing = normal.x * lx + normal.y * ly + normal.z * lz
    rim = 1 - np.float32(light.rim) * (1 - normal.z) ** 2
    arriving = shadow * rim
    sky = (np.float32(0.78) - np.float32(0.22) * normal.y) * rim
    diffuse = np.empty((3, *facing.shape), dtype=np.float32)
    for channel, wrap in enumerate(WRAP):
        wrapped = np.maximum(facing + np.float32(wrap), 0) * arriving
        diffuse[channel] = sky * np.float32(light.fill[channel])
        diffuse[channel] += wrapped * np.float32(light.key[channel] * 0.82 / (1 + wrap))
    # Blinn: half-way vector between the light and the viewer at (0, 0, 1).
    hx, hy, hz = lx, ly, lz + 1
    norm = np.float32(1 / max(float(np.sqrt(hx * hx + hy * hy + hz * hz)), 1e-3))
    shine = np.maximum((normal.x * hx + normal.y * hy + normal.z * hz) * norm, 0)
    for _ in range(4):
        shine = shine * shine
    return diffuse, shine * (arriving * np.float32(gloss))


def simple_light(scene: Scene, facing: Field | float) -> Field:
    """Light (3, ...) on a surface whose cosine to the key light is `facing`; for all that is not the head."""
    key, fill = rgb(scene.look.light.key), rgb(scene.look.light.fill)
    wrapped = np.maximum(np.asarray(facing, dtype=np.float32) + np.float32(0.3), 0) * np.float32(0.82 / 1.3)
    light: Field = fill * np.float32(0.8) + key * wrapped
    return light


def upright(scene: Scene, view: View, middle: float, half: float) -> Field:
    """Cosine to the key light on an upright cylinder of half-width `half` about u = `middle`."""
    lx, _, lz = (np.float32(part) for part in scene.look.light.towards)
    nx = np.minimum(np.maximum((view.u - np.float32(middle)) * np.float32(1 / half), -0.98), 0.98)
    facing: Field = nx * lx + np.sqrt(1 - nx * nx) * lz
    return facing
