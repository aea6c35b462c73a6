"""Light on the head: a relief of bumps on the rounded skull, lit softly as skin is.

The head's normal comes from its silhouette (each level is a half-circle between the two edges); nose, sockets, cheeks, lips and
chin are Gaussian bumps whose slopes tilt that normal. Nothing of the nose is drawn with a line.
"""

from __future__ import annotations

import numpy as np

from segdata.faces.synthetic.features import Build, Surface
from segdata.faces.synthetic.look import Light
from segdata.faces.synthetic.raster import Field
from segdata.faces.synthetic.scene import Scene

Bump = tuple[float, float, float, float, float, float]
"""x, y, lift, spread across, spread down, height; head units."""

WRAP = np.array([0.42, 0.26, 0.2], dtype=np.float32)
"""How far light creeps round the terminator, per channel: red travels furthest in skin."""


def _pair(x: float, y: float, lift: float, sx: float, sy: float, height: float) -> list[Bump]:
    return [(-x, y, lift, sx, sy, height), (x, y, lift, sx, sy, height)]


def _relief(build: Build, age: float) -> list[Bump]:
    eye, base = build.eye_height, build.eye_height + build.nose_length
    wide, reach, lips = build.nose_width, build.nose_reach, build.mouth_height + 0.12 * build.mouth_open
    smile = max(build.smile, 0.0)
    return [
        *_pair(build.eye_distance, eye - 0.17, 0, 0.2, 0.07, 0.03),
        *_pair(build.eye_distance * 0.9, eye - 0.02, 0, 0.15, 0.1, -0.055),
        *_pair(build.eye_distance, eye - 0.01, 0, 0.11, 0.065, 0.028),
        *_pair(build.eye_distance, eye + 0.14, 0, 0.12, 0.03, 0.012 + 0.02 * age),
        (0, eye + 0.17, reach * 0.4, wide * 0.36, 0.2, 0.3 * reach),
        (0, base - 0.1, reach, wide * 0.52, 0.075, 0.36 * reach),
        *_pair(wide * 0.74, base - 0.07, reach * 0.4, wide * 0.34, 0.055, 0.17 * reach),
        *_pair(0.43, eye + 0.3, 0, 0.17, 0.13, 0.05 + 0.035 * smile),
        *_pair(0.5, 0.5, 0, 0.12, 0.15, -0.03 - 0.02 * age),
        *_pair(0.27 + 0.03 * smile, base + 0.05, 0, 0.045, 0.1, -0.008 - 0.012 * smile - 0.012 * age),
        (0, (base + lips) / 2 - 0.02, 0, 0.03, 0.045, -0.012),
        (0, build.mouth_height - 0.05, 0, 0.17, 0.04, 0.022),
        (0, lips + 0.07, 0, 0.15, 0.042, 0.034),
        (0, lips + 0.17, 0, 0.14, 0.035, -0.022),
        (0, 0.88, 0, 0.14, 0.09, 0.045),
        *_pair(0.3, -0.58, 0, 0.22, 0.16, 0.02),
        *_pair(0.68, -0.3, 0, 0.1, 0.22, -0.03),
    ]


def _add_bump(normal: tuple[Field, Field], u: Field, v: Field, bump: Bump, on: Surface) -> None:
    x, y, lift, across, down, height = bump
    centre = on.plane(np.array([[x, y]]), lift=lift)[0]
    du, dv = u - np.float32(centre[0]), v - np.float32(centre[1])
    across *= max(float(np.cos(on.pose.yaw)), 0.6)
    hill = np.exp(-0.5 * ((du / np.float32(across)) ** 2 + (dv / np.float32(down)) ** 2)) * np.float32(height)
    normal[0][...] += hill * du / np.float32(across**2)
    normal[1][...] += hill * dv / np.float32(down**2)


def _window_of(u: Field, v: Field, bump: Bump, on: Surface) -> tuple[slice, slice] | None:
    """Rows and columns where the bump can be felt."""
    x, y, lift, across, down, _ = bump
    middle = on.pose.place(on.plane(np.array([[x, y]]), lift=lift))[0]
    size = u.shape[0]
    radius = 3.2 * max(across, down) * on.pose.scale
    low, high = np.floor((middle - radius) * size).astype(int), np.ceil((middle + radius) * size).astype(int)
    rows, columns = slice(max(low[1], 0), min(high[1], size)), slice(max(low[0], 0), min(high[0], size))
    return (rows, columns) if rows.stop > rows.start and columns.stop > columns.start else None


def head_normal(scene: Scene, u: Field, v: Field) -> tuple[Field, Field, Field]:
    """Unit normal (x right, y down, z to the viewer) of the head at every pixel; meaningless off the head."""
    outline = scene.on.outline
    left = np.interp(v, outline.v, outline.left).astype(np.float32)
    right = np.interp(v, outline.v, outline.right).astype(np.float32)
    half = np.maximum((right - left) * np.float32(0.5), np.float32(0.05))
    nx = np.clip((u - (left + right) * np.float32(0.5)) / half, -1, 1) * np.float32(0.97)
    top, low = np.float32(outline.v[0]), np.float32(outline.v[-1])
    ny = np.clip((v + np.float32(0.1)) / (low - top) * 2, -1, 1)
    ny = np.sign(ny) * ny * ny * np.float32(0.75)
    nx, ny = nx * np.abs(nx) ** np.float32(0.35), ny
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, np.float32(0.06)))
    nx, ny = nx / nz, ny / nz
    for bump in _relief(scene.build, scene.look.age):
        window = _window_of(u, v, bump, scene.on)
        if window is not None:
            _add_bump((nx[window], ny[window]), u[window], v[window], bump, scene.on)
    length = np.float32(1) / np.sqrt(nx * nx + ny * ny + 1)
    return nx * length, ny * length, length


def occlusion(scene: Scene, u: Field, v: Field) -> Field:
    """Where little light gets in: inner eye corners, under the nose and the lower lip; 1 is open."""
    build = scene.build
    eye, base = build.eye_height, build.eye_height + build.nose_length
    lips = build.mouth_height + 0.25 * build.mouth_open
    dents: list[Bump] = [
        *_pair(build.eye_distance * 0.62, eye - 0.04, 0, 0.06, 0.08, 0.3),
        *_pair(build.eye_distance, eye - 0.06, 0, 0.17, 0.05, 0.16),
        (0, base + 0.035, 0.03, build.nose_width * 0.8, 0.035, 0.32),
        *_pair(build.nose_width * 1.06, base - 0.06, 0, 0.025, 0.06, 0.2),
        (0, lips + 0.155, 0, 0.12, 0.03, 0.22),
        *_pair(build.mouth_width * 1.06, build.mouth_height - 0.05 * build.smile, 0, 0.03, 0.035, 0.2),
    ]
    open_sky = np.ones_like(u)
    for dent in dents:
        window = _window_of(u, v, dent, scene.on)
        if window is None:
            continue
        x, y, lift, across, down, depth = dent
        centre = scene.on.plane(np.array([[x, y]]), lift=lift)[0]
        du = (u[window] - np.float32(centre[0])) / np.float32(across)
        dv = (v[window] - np.float32(centre[1])) / np.float32(down)
        open_sky[window] *= 1 - np.float32(depth) * np.exp(-0.5 * (du * du + dv * dv))
    return open_sky


def lit(normal: tuple[Field, Field, Field], light: Light, gloss: float, shadow: Field) -> tuple[Field, Field]:
    """Diffuse light per channel (size, size, 3) and highlight (size, size) for unit normals.

    `shadow` (size, size) is the share of the key light that arrives, 0..1.
    """
    nx, ny, nz = normal
    lx, ly, lz = (np.float32(part) for part in light.towards)
    facing = nx * lx + ny * ly + nz * lz
    wrapped = np.clip((facing[..., None] + WRAP) / (1 + WRAP), 0, None)
    fill = np.asarray(light.fill, dtype=np.float32) * (np.float32(0.78) - np.float32(0.22) * ny)[..., None]
    key = np.asarray(light.key, dtype=np.float32) * np.float32(0.82)
    diffuse = fill + key * wrapped * shadow[..., None]
    diffuse *= (1 - np.float32(light.rim) * (1 - nz) ** 2)[..., None]
    # Blinn: half-way vector between the light and the viewer at (0, 0, 1).
    hx, hy, hz = lx, ly, lz + 1
    norm = np.float32(1 / max(float(np.sqrt(hx * hx + hy * hy + hz * hz)), 1e-3))
    shine = np.clip((nx * hx + ny * hy + nz * hz) * norm, 0, 1) ** np.float32(22) * np.float32(gloss) * shadow
    return diffuse, shine
