"""Painting what is around the face: neck, clothes, ears, hats, glasses and things held in front."""

from __future__ import annotations

import numpy as np

from segdata.faces.synthetic import curves
from segdata.faces.synthetic.canvas import Canvas, soft
from segdata.faces.synthetic.features import Ear
from segdata.faces.synthetic.look import Colour
from segdata.faces.synthetic.outfit import Glasses, Hat
from segdata.faces.synthetic.raster import Field
from segdata.faces.synthetic.scene import Scene
from segdata.faces.synthetic.texture import clouds


def _light(scene: Scene, facing: Field) -> Field:
    """Light on something facing `facing` (cosine to the key light), float32 (..., 3)."""
    key, fill = (np.asarray(part, dtype=np.float32) for part in (scene.look.light.key, scene.look.light.fill))
    lit: Field = fill * np.float32(0.8) + key * np.clip((facing[..., None] + 0.3) / 1.3, 0, None) * np.float32(0.82)
    return lit


def _round(scene: Scene, u: Field, middle: float, half: float) -> Field:
    """Cosine to the light on an upright cylinder of half-width `half` about u = `middle`."""
    lx, _, lz = (np.float32(part) for part in scene.look.light.towards)
    nx = np.clip((u - np.float32(middle)) / np.float32(half), -0.98, 0.98)
    facing: Field = nx * lx + np.sqrt(1 - nx * nx) * lz
    return facing


def _cloth(colours: tuple[Colour, Colour], pattern: str, u: Field, v: Field, rng: np.random.Generator) -> Field:
    first, second = (np.asarray(colour, dtype=np.float32) for colour in colours)
    pitch = np.float32(rng.uniform(4, 16))
    slant = np.float32(rng.uniform(-0.6, 0.6))
    if pattern == "stripes":
        weight = np.clip(np.sin((v + slant * u) * pitch * 2) * 3, 0, 1)
    elif pattern == "checks":
        weight = 0.5 * (np.sin(u * pitch * 2) > 0) + 0.5 * (np.sin(v * pitch * 2) > 0)
    elif pattern == "noise":
        weight = np.clip(0.5 + clouds(rng, u.shape[0], 26, 2), 0, 1)
    else:
        weight = np.zeros_like(u)
    weave = 1 + 0.07 * clouds(rng, u.shape[0], 90)
    ink: Field = (first + (second - first) * weight[..., None].astype(np.float32)) * weave[..., None]
    return ink


def paint_body(canvas: Canvas, scene: Scene, u: Field, v: Field, rng: np.random.Generator) -> None:
    """Neck in the jaw's shadow, then necklace, clothes and collar with folds."""
    look, body, size = scene.look, scene.body, canvas.size
    middle = 0.25 * float(np.sin(scene.on.pose.yaw))
    lit = _light(scene, _round(scene, u, middle, scene.on.shape.width * 0.85))
    neck = np.asarray(look.skin, dtype=np.float32) * (1, 0.97, 0.96) * lit * (1 + 0.05 * clouds(rng, size, 12, 2))[..., None]
    shade = soft([body.shadow], size, 0.1 * scene.on.pose.scale)
    neck *= (1 - np.float32(0.5) * shade)[..., None]
    canvas.fill(body.neck, np.clip(neck, 0, 1))
    if body.necklace is not None:
        canvas.fill(body.necklace, look.jewel)
    folds = clouds(rng, size, 6, 2) * np.float32(0.35)
    light = _light(scene, _round(scene, u, middle, 2.2) + folds)
    cloth = np.clip(_cloth(look.cloth, look.cloth_pattern, u, v, rng) * light, 0, 1)
    canvas.fill(body.cloth, cloth)
    if body.collar is not None:
        canvas.fill(body.collar, np.clip(cloth * np.float32(0.8), 0, 1))


def paint_ear(canvas: Canvas, scene: Scene, ear: Ear) -> None:
    """An ear: lit skin, a redder shaded hollow."""
    lx, _, lz = scene.look.light.towards
    side = 1 if ear.outline[:, 0].mean() > scene.head[:, 0].mean() else -1
    light = _light(scene, np.full((1,), 0.5 * side * lx + 0.75 * lz, dtype=np.float32))[0]
    skin = np.asarray(scene.look.skin, dtype=np.float32)
    base = np.clip(skin * (1.0, 0.9, 0.88) * light, 0, 1)
    canvas.fill(ear.outline, tuple(base))
    weight = soft([ear.hollow], canvas.size, 0.035 * scene.on.pose.scale) * np.float32(0.75)
    canvas.blend((slice(None), slice(None)), weight, tuple(np.clip(base * (0.62, 0.5, 0.48), 0, 1)))


def paint_hat(canvas: Canvas, scene: Scene, hat: Hat, u: Field, v: Field, rng: np.random.Generator) -> None:
    """Hat crown in its own cloth, brim a shade darker."""
    middle = float(np.sin(scene.on.pose.yaw)) * -0.1
    light = _light(scene, _round(scene, u, middle, 1.1) + clouds(rng, canvas.size, 8) * np.float32(0.2))
    pattern = str(rng.choice(("plain", "stripes", "noise", "plain")))
    ink = np.clip(_cloth(scene.look.hat, pattern, u, v, rng) * light, 0, 1)
    canvas.fill(hat.crown, ink)
    if hat.brim is not None:
        canvas.fill(hat.brim, np.clip(ink * np.float32(0.72), 0, 1))


def paint_glasses(canvas: Canvas, scene: Scene, worn: Glasses, rng: np.random.Generator) -> None:
    """Lenses (tint and a slanted reflection), then the frame with its thin shadow below."""
    size, scale = canvas.size, scene.on.pose.scale
    drop = np.array([0.0, 0.03 * scale])
    shade = soft([part + drop for part in worn.frame], size, 0.02 * scale)
    canvas.darken(1 - np.float32(0.3) * shade)
    for lens in worn.lenses:
        canvas.fill(lens, scene.look.lens, scene.extras.lens_opacity)
        low, high = lens.min(axis=0), lens.max(axis=0)
        x = low[0] + (high[0] - low[0]) * rng.uniform(0.2, 0.6)
        streak = curves.as_points((x, low[1]), (x + 0.05 * scale, low[1]), (x - 0.05 * scale, high[1]), (x - 0.12 * scale, high[1]))
        glare = soft([streak], size, 0.02 * scale) * soft([lens], size, 0.012) * np.float32(rng.uniform(0, 0.35))
        canvas.blend((slice(None), slice(None)), glare, (1.0, 1.0, 1.0))
    for part in worn.frame:
        canvas.fill(part, scene.look.frame)


def paint_occluders(canvas: Canvas, scene: Scene, u: Field, v: Field) -> None:
    """A hand, shaded finger by finger, or an object."""
    for finger in scene.extras.hand:
        middle = finger.mean(axis=0)
        dim = soft([middle + (finger - middle) * 0.86], canvas.size, 0.05 * scene.on.pose.scale)
        light = _light(scene, (np.float32(0.15) + np.float32(0.6) * dim))
        canvas.fill(finger, np.clip(np.asarray(scene.look.hand, dtype=np.float32) * light, 0, 1))
    if scene.extras.thing is not None:
        light = _light(scene, _round(scene, u, float(scene.on.outline.left[20]), 1.2))
        canvas.fill(scene.extras.thing, np.clip(np.asarray(scene.look.thing, dtype=np.float32) * light, 0, 1))
