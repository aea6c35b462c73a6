"""Unlit colours of the face: skin, lips, brows, beard, folds."""

from __future__ import annotations

import numpy as np

from segdata.faces.synthetic.figure.scene import Scene
from segdata.faces.synthetic.paint.canvas import Canvas, View, clip01, rgb, soft
from segdata.faces.synthetic.paint.shading import Bump, hills
from segdata.faces.synthetic.shapes import curves
from segdata.faces.synthetic.shapes.raster import Field, Patch, Points
from segdata.faces.synthetic.shapes.texture import look_up, strand_table

RED = (1.06, 0.8, 0.78)
"""What blood near the surface does to skin."""


def _tint(pixels: Field, weight: Field, factor: tuple[float, float, float]) -> None:
    for channel, part in enumerate(factor):
        pixels[channel] *= 1 + weight * np.float32(part - 1)


def _complexion(face: Canvas, scene: Scene) -> None:
    """Red cheeks and nose tip, darker under the eyes, coloured lids."""
    look, build = scene.look, scene.build
    cheek, under, lid = build.eye_height + 0.36, build.eye_height + 0.1, build.eye_height - 0.07
    x, tip = build.eye_distance, build.eye_height + build.nose_length - 0.1
    red: list[Bump] = [(s * 0.42, cheek, 0, 0.17, 0.14, 0.25 + look.blush * 2) for s in (-1, 1)]
    red.append((0.0, tip, build.nose_reach, 0.13, 0.1, 0.4))
    tired: list[Bump] = [(s * x, under, 0, 0.13, 0.045, 0.2 + 0.5 * look.age) for s in (-1, 1)]
    for hill in hills(red, scene.on, face.view):
        _tint(face.pixels[:, hill.window[0], hill.window[1]], hill.height, RED)
    for hill in hills(tired, scene.on, face.view):
        _tint(face.pixels[:, hill.window[0], hill.window[1]], hill.height, (0.84, 0.76, 0.8))
    if look.makeup > 0:
        painted: list[Bump] = [(s * x, lid, 0, 0.14, 0.06, look.makeup) for s in (-1, 1)]
        for hill in hills(painted, scene.on, face.view):
            part = face.pixels[:, hill.window[0], hill.window[1]]
            part += hill.height * (rgb(look.shadow_makeup) - part)


def _brows(face: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    table, blur = strand_table(rng), 0.022 * scene.on.pose.scale
    for side, outline in zip((-1, 1), scene.brows, strict=True):
        window, cover = soft(outline, face.view.size, blur)
        here, there = face.view.local(window)
        u, v, cover = face.view.u[here], face.view.v[here], cover[there]
        hairs = look_up(table, u * np.float32(side * 0.5) + v * np.float32(0.4))
        cover = clip01((cover - np.float32(0.5)) * np.float32(1.8) + np.float32(0.5) + cover * (1 - cover) * hairs)
        weight = cover * np.minimum(np.float32(scene.look.brow_density) * (1 + np.float32(0.45) * hairs), 1)
        rows, columns = (part.start + mine.start for part, mine in zip(here, face.view.window, strict=True))
        place = (slice(rows, rows + weight.shape[0]), slice(columns, columns + weight.shape[1]))
        face.blend(Patch(place, np.maximum(weight, 0)), scene.look.brow)


def _beard(face: Canvas, scene: Scene, outline: Points, rng: np.random.Generator) -> None:
    scale = scene.on.pose.scale
    weight = face.view.spread([soft(outline, face.view.size, 0.07 * scale)])
    speckle = face.view.clouds(rng, round(44 / scale)) * np.float32(0.24) + face.view.clouds(
        rng, round(5 / scale)
    ) * np.float32(0.1)
    dense = np.float32(scene.look.beard_density)
    weight = weight * np.minimum(np.maximum(dense + speckle * (np.float32(0.3) + np.float32(0.7) * dense), 0), 0.95)
    ink = clip01(rgb(scene.look.hair) * (np.float32(0.9) + np.float32(0.5) * speckle))
    face.blend(Patch(face.view.window, weight), Canvas(face.view, ink))


def _lips(face: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    view = face.view.around([scene.mouth.upper, scene.mouth.lower])
    grain = 1 + np.float32(0.08) * view.clouds(rng, round(24 / scene.on.pose.scale))
    for outline, tone in ((scene.mouth.upper, 0.86), (scene.mouth.lower, 1.0)):
        ink = Canvas(view, clip01(rgb(scene.look.lip) * np.float32(tone) * grain))
        face.fill(outline, ink, 0.92)


def _wrinkles(face: Canvas, scene: Scene) -> None:
    """Smile folds and forehead lines of older faces, as soft dark strokes."""
    look, build, on = scene.look, scene.build, scene.on
    scale = on.pose.scale
    strength = min(look.age * 0.35 + max(build.smile, 0.0) * 0.12, 0.5)
    strokes: list[Points] = []
    for side in (-1, 1):
        fold = [[build.nose_width * 1.05, 0.28], [0.29, 0.42], [build.mouth_width + 0.06, build.mouth_height]]
        strokes.append(curves.ribbon(on.picture(curves.through(np.array(fold) * [side, 1], 4)), 0.03 * scale))
    if look.age > 0.55:
        for height in (-0.48, -0.58, -0.67):
            line = np.stack([np.linspace(-0.36, 0.36, 9), height + 0.02 * np.cos(np.linspace(-3, 3, 9))], 1)
            strokes.append(curves.ribbon(on.picture(line), 0.022 * scale))
    dark = tuple(part * 0.5 for part in look.skin)
    for stroke in strokes:
        face.blend(soft(stroke, face.view.size, 0.025 * scale), dark, strength)


def skin_albedo(scene: Scene, view: View, rng: np.random.Generator) -> Canvas:
    """Unlit colour of everything on the face."""
    look, scale = scene.look, scene.on.pose.scale
    mottle = 1 + np.float32(0.045) * view.clouds(rng, round(3.2 / scale), 2)
    mottle += np.float32(0.035) * view.clouds(rng, round(26 / scale))
    face = Canvas(view, clip01(rgb(look.skin) * mottle))
    _complexion(face, scene)
    if look.freckles > 0:
        dots = clip01((view.clouds(rng, round(24 / scale)) - np.float32(0.35)) * 4)
        _tint(face.pixels, dots * np.float32(0.3 * look.freckles), (0.72, 0.55, 0.45))
    _wrinkles(face, scene)
    if scene.beard is not None:
        _beard(face, scene, scene.beard, rng)
    _lips(face, scene, rng)
    _brows(face, scene, rng)
    return face
