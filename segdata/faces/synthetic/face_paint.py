"""Colours of the face itself: skin, lips, brows, beard, eyes and the open mouth."""

from __future__ import annotations

import numpy as np

from segdata.faces.synthetic import curves
from segdata.faces.synthetic.canvas import Canvas, soft
from segdata.faces.synthetic.features import Eye
from segdata.faces.synthetic.raster import Field, Points, coverage
from segdata.faces.synthetic.scene import Scene
from segdata.faces.synthetic.texture import clouds, look_up, strand_table


def _spot(scene: Scene, u: Field, v: Field, at: tuple[float, float], spread: tuple[float, float]) -> Field:
    """A Gaussian spot on the face, 0..1."""
    centre = scene.on.plane(np.array([at]))[0]
    du, dv = (u - np.float32(centre[0])) / np.float32(spread[0]), (v - np.float32(centre[1])) / np.float32(spread[1])
    spot: Field = np.exp(np.float32(-0.5) * (du * du + dv * dv))
    return spot


def _tint(pixels: Field, weight: Field, factor: tuple[float, float, float]) -> None:
    pixels *= 1 + weight[..., None] * (np.asarray(factor, dtype=np.float32) - 1)


def _freckle(pixels: Field, scene: Scene, size: int, rng: np.random.Generator) -> None:
    dots = clouds(rng, size, 70)
    weight = np.clip((dots - 0.35) * 4, 0, 1) * np.float32(0.3 * scene.look.freckles)
    _tint(pixels, weight, (0.72, 0.55, 0.45))


def _brows(face: Canvas, scene: Scene, u: Field, v: Field, rng: np.random.Generator) -> None:
    table = strand_table(rng)
    for side, outline in zip((-1, 1), scene.brows, strict=True):
        strands = look_up(table, u * np.float32(side * 0.35) + v * np.float32(0.55))
        window, alpha = coverage(outline, face.size)
        weight = alpha * np.clip(np.float32(scene.look.brow_density) * (1 + 0.55 * strands[window]), 0.25, 1)
        face.blend(window, weight, scene.look.brow)


def _beard(face: Canvas, scene: Scene, outline: Points, v: Field, rng: np.random.Generator) -> None:
    weight = soft([outline], face.size, 0.06 * scene.on.pose.scale)
    speckle = clouds(rng, face.size, 64) * 0.35 + clouds(rng, face.size, 20) * 0.25
    dense = np.float32(scene.look.beard_density)
    weight = weight * np.clip(dense + speckle * (0.4 + 0.6 * dense), 0, 0.95)
    ink = np.asarray(scene.look.hair, dtype=np.float32) * (0.9 + 0.5 * speckle[..., None])
    face.blend((slice(None), slice(None)), weight, np.clip(ink, 0, 1))


def _lips(face: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    grain = 1 + 0.06 * clouds(rng, face.size, 60)
    for outline, tone in ((scene.mouth.upper, 0.88), (scene.mouth.lower, 1.0)):
        ink = np.asarray(scene.look.lip, dtype=np.float32) * np.float32(tone) * grain[..., None]
        face.fill(outline, np.clip(ink, 0, 1), 0.92)


def skin_albedo(scene: Scene, u: Field, v: Field, rng: np.random.Generator) -> Field:
    """Unlit colour of everything on the face, float32 (size, size, 3)."""
    look, build, size = scene.look, scene.build, u.shape[0]
    mottle = 1 + 0.045 * clouds(rng, size, 9, 2) + 0.03 * clouds(rng, size, 70)
    pixels = np.asarray(look.skin, dtype=np.float32) * mottle[..., None]
    red = (1.06, 0.8, 0.78)
    for side in (-1, 1):
        cheek = (side * 0.42, build.eye_height + 0.36)
        _tint(pixels, _spot(scene, u, v, cheek, (0.17, 0.14)) * np.float32(0.25 + look.blush * 2), red)
        under = (side * build.eye_distance, build.eye_height + 0.1)
        _tint(pixels, _spot(scene, u, v, under, (0.13, 0.045)) * np.float32(0.2 + 0.5 * look.age), (0.84, 0.76, 0.8))
        if look.makeup > 0:
            lid = _spot(scene, u, v, (side * build.eye_distance, build.eye_height - 0.07), (0.14, 0.06))
            pixels += (lid * np.float32(look.makeup))[..., None] * (np.asarray(look.shadow_makeup, dtype=np.float32) - pixels)
    tip = (0.0, build.eye_height + build.nose_length - 0.1)
    _tint(pixels, _spot(scene, u, v, tip, (0.13, 0.1)) * np.float32(0.4), red)
    if look.freckles > 0:
        _freckle(pixels, scene, size, rng)
    face = Canvas(np.clip(pixels, 0, 1))
    _wrinkles(face, scene)
    if scene.beard is not None:
        _beard(face, scene, scene.beard, v, rng)
    _lips(face, scene, rng)
    _brows(face, scene, u, v, rng)
    return face.pixels


def _wrinkles(face: Canvas, scene: Scene) -> None:
    """Smile folds and forehead lines of older faces, as soft dark strokes."""
    look, build, on = scene.look, scene.build, scene.on
    strength = look.age * 0.35 + max(build.smile, 0.0) * 0.12
    strokes: list[Points] = []
    for side in (-1, 1):
        fold = np.array([[side * build.nose_width * 1.05, 0.28], [side * 0.29, 0.42], [side * (build.mouth_width + 0.06), build.mouth_height]])
        strokes.append(curves.ribbon(on.picture(curves.through(fold, 4)), 0.022 * on.pose.scale))
    if look.age > 0.55:
        for height in (-0.48, -0.58, -0.67):
            line = np.stack([np.linspace(-0.36, 0.36, 9), height + 0.02 * np.cos(np.linspace(-3, 3, 9))], 1)
            strokes.append(curves.ribbon(on.picture(line), 0.016 * on.pose.scale))
    dark = tuple(part * 0.55 for part in look.skin)
    for stroke in strokes:
        face.fill(stroke, (dark[0], dark[1], dark[2]), min(strength, 0.5) * 0.6)
    weight = soft(strokes, face.size, 0.03 * on.pose.scale) * np.float32(min(strength, 0.6))
    face.blend((slice(None), slice(None)), weight, (dark[0], dark[1], dark[2]))


def _mean_light(diffuse: Field, outline: Points, size: int) -> Field:
    """Average light inside an outline, float32 (3,)."""
    window, alpha = coverage(outline, size)
    total = float(alpha.sum())
    if total < 1e-3:
        return np.ones(3, dtype=np.float32)
    mean: Field = (diffuse[window] * alpha[..., None]).sum(axis=(0, 1)) / np.float32(total)
    return mean


def _paint_open_eye(face: Canvas, scene: Scene, eye: Eye, opening: Points, light: Field) -> None:
    size, look = face.size, scene.look
    window, alpha = coverage(opening, size)
    white = np.array([0.86, 0.83, 0.81], dtype=np.float32) * (0.35 + 0.65 * light)
    ball = Canvas(np.broadcast_to(np.clip(white, 0, 1), (*face.pixels.shape,)).astype(np.float32))
    iris = np.asarray(look.iris, dtype=np.float32)
    ball.fill(eye.iris, tuple(np.clip(iris * 0.45 * light, 0, 1)))
    middle = eye.iris.mean(axis=0)
    ball.fill(middle + (eye.iris - middle) * 0.8, tuple(np.clip(iris * 1.15 * (0.2 + 0.8 * light), 0, 1)))
    ball.fill(eye.pupil, (0.02, 0.02, 0.025))
    shade = soft([curves.ribbon(eye.lash, eye.width * 0.34)], size, eye.width * 0.16)
    ball.pixels[window] *= 1 - np.float32(0.55) * shade[window][..., None]
    ball.fill(eye.glint, (1.0, 1.0, 1.0), 0.85)
    face.blend(window, alpha, ball.pixels)


def paint_eyes(face: Canvas, scene: Scene, diffuse: Field) -> None:
    """Eyeballs under their lids, lashes and lid creases, onto the lit face."""
    skin = np.asarray(scene.look.skin, dtype=np.float32)
    for eye in scene.eyes:
        light = _mean_light(diffuse, eye.lash if eye.opening is None else eye.opening, face.size)
        fold = np.clip(skin * 0.5 * light, 0, 1)
        taper = np.sin(np.linspace(0.25, np.pi - 0.25, len(eye.crease)))
        face.fill(curves.ribbon(eye.crease, eye.width * 0.09 * taper), tuple(fold), 0.6)
        face.fill(curves.ribbon(eye.lower_rim, eye.width * 0.12), tuple(np.clip(skin * light * (0.9, 0.62, 0.6), 0, 1)), 0.55)
        if eye.opening is not None:
            _paint_open_eye(face, scene, eye, eye.opening, light)
        dark = tuple(np.clip(np.asarray(scene.look.brow) * 0.35 * light, 0, 1))
        thick = eye.width * (0.1 + 0.12 * scene.look.makeup) * np.sin(np.linspace(0.35, np.pi - 0.2, len(eye.lash))) ** 0.5
        face.fill(curves.ribbon(eye.lash, thick), dark, 0.85)


def paint_mouth(face: Canvas, scene: Scene, diffuse: Field) -> None:
    """The open mouth's inside, or the dark line between shut lips, and the nostrils."""
    mouth, size = scene.mouth, face.size
    light = _mean_light(diffuse, mouth.lower, size)
    deep = np.clip(np.array([0.20, 0.05, 0.05], dtype=np.float32) * (0.3 + 0.7 * light), 0, 1)
    if mouth.inner is not None and mouth.teeth is not None and mouth.tongue is not None:
        window, alpha = coverage(mouth.inner, size)
        inside = Canvas(np.broadcast_to(deep, face.pixels.shape).astype(np.float32))
        inside.fill(mouth.tongue, tuple(np.clip(np.array([0.62, 0.27, 0.27]) * (0.2 + 0.6 * light), 0, 1)))
        white = np.array([1.0, 0.96, 0.88]) * scene.look.teeth * (0.25 + 0.62 * light)
        inside.fill(mouth.teeth, tuple(np.clip(white, 0, 1)), 0.95)
        face.blend(window, alpha, inside.pixels)
    else:
        face.fill(curves.ribbon(mouth.line, 0.02 * scene.on.pose.scale), tuple(deep), 0.75)
    hole = np.clip(np.asarray(scene.look.skin) * (0.3, 0.18, 0.16) * (0.3 + 0.5 * light), 0, 1)
    for nostril in scene.nose.nostrils:
        weight = soft([nostril], size, 0.016 * scene.on.pose.scale) * np.float32(0.8)
        face.blend((slice(None), slice(None)), weight, tuple(hole))
