"""Painting what is around the face: neck, clothes, ears, hats, glasses and things held in front."""

from __future__ import annotations

import numpy as np

from segdata.faces.synthetic.figure.features import Ear
from segdata.faces.synthetic.figure.outfit import Glasses, Hat
from segdata.faces.synthetic.figure.scene import Scene
from segdata.faces.synthetic.paint.canvas import Canvas, Colour, View, clip01, rgb, soft
from segdata.faces.synthetic.paint.shading import simple_light, upright
from segdata.faces.synthetic.shapes import curves
from segdata.faces.synthetic.shapes.raster import Field, Patch


def _cloth(colours: tuple[Colour, Colour], pattern: str, view: View, scale: float, rng: np.random.Generator) -> Field:
    first, second = (rgb(colour) for colour in colours)
    pitch, slant = np.float32(rng.uniform(8, 32)), np.float32(rng.uniform(-0.6, 0.6))
    weave = 1 + np.float32(0.08) * view.clouds(rng, round(30 / scale))
    if pattern == "plain":
        return np.asarray(first * weave, dtype=np.float32)
    if pattern == "stripes":
        weight = clip01(np.sin((view.v + slant * view.u) * pitch) * 3)
    elif pattern == "ribs":
        weight = np.float32(0.18) + np.float32(0.18) * np.sin(view.u * pitch * 2)
    elif pattern == "checks":
        weight = (clip01(np.sin(view.u * pitch) * 5) + clip01(np.sin(view.v * pitch) * 5)) * np.float32(0.5)
    else:
        weight = clip01(np.float32(0.5) + view.clouds(rng, round(9 / scale), 2))
    return np.asarray((first + (second - first) * weight) * weave, dtype=np.float32)


def paint_body(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Neck in the jaw's shadow, then necklace, clothes and collar with folds."""
    look, body, scale = scene.look, scene.body, scene.on.pose.scale
    middle = 0.25 * float(np.sin(scene.on.pose.yaw))
    view = canvas.view.around([body.neck])
    light = simple_light(scene, upright(scene, view, middle, scene.on.shape.width * 0.85))
    mottle = 1 + np.float32(0.05) * view.clouds(rng, round(4 / scale), 2)
    neck = Canvas(view, rgb(look.skin) * rgb((1, 0.95, 0.93)) * light * mottle)
    neck.dim(soft(body.shadow, view.size, 0.12 * scale), 0.55)
    clip01(neck.pixels)
    canvas.fill(body.neck, neck)
    if body.necklace is not None:
        canvas.fill(body.necklace, look.jewel)
    view = canvas.view.around([body.cloth] if body.collar is None else [body.cloth, body.collar])
    folds = view.clouds(rng, round(2.2 / scale), 2) * np.float32(0.35)
    light = simple_light(scene, upright(scene, view, middle, 2.2) + folds)
    cloth = Canvas(view, clip01(_cloth(look.cloth, look.cloth_pattern, view, scale, rng) * light))
    canvas.fill(body.cloth, cloth)
    if body.collar is not None:
        canvas.fill(body.collar, Canvas(view, cloth.pixels * np.float32(0.8)))


def paint_ear(canvas: Canvas, scene: Scene, ear: Ear) -> None:
    """An ear: lit skin, a redder shaded hollow with a bright rim inside."""
    lx, _, lz = scene.look.light.towards
    side = 1 if ear.outline[:, 0].mean() > scene.head[:, 0].mean() else -1
    scale, size = scene.on.pose.scale, canvas.view.size
    light = simple_light(scene, 0.5 * side * lx + 0.75 * lz)
    base = clip01(rgb(scene.look.skin) * rgb((1.0, 0.88, 0.86)) * light)
    view = canvas.view.around([ear.outline])
    skin = Canvas.plain(view, base)
    skin.blend(soft(ear.hollow, size, 0.04 * scale), base * rgb((0.6, 0.46, 0.44)), 0.8)
    inner = ear.hollow.mean(axis=0) + (ear.hollow - ear.hollow.mean(axis=0)) * 0.45
    skin.blend(soft(inner, size, 0.03 * scale), base * rgb((0.9, 0.8, 0.78)), 0.7)
    canvas.fill(ear.outline, skin)


def paint_hat(canvas: Canvas, scene: Scene, hat: Hat, rng: np.random.Generator) -> None:
    """Hat crown in its own cloth, brim a shade darker."""
    middle = float(np.sin(scene.on.pose.yaw)) * -0.1
    view = canvas.view.around([hat.crown] if hat.brim is None else [hat.crown, hat.brim])
    light = simple_light(
        scene, upright(scene, view, middle, 1.1) + view.clouds(rng, round(3 / scene.on.pose.scale)) * np.float32(0.2)
    )
    pattern = str(rng.choice(("plain", "ribs", "noise", "stripes", "ribs")))
    ink = clip01(_cloth(scene.look.hat, pattern, view, scene.on.pose.scale, rng) * light)
    canvas.fill(hat.crown, Canvas(view, ink))
    if hat.brim is not None:
        canvas.fill(hat.brim, Canvas(view, ink * np.float32(0.72)))


def paint_glasses(canvas: Canvas, scene: Scene, worn: Glasses, rng: np.random.Generator) -> None:
    """Lenses (tint and a slanted reflection), then the frame with its thin shadow below."""
    size, scale = canvas.view.size, scene.on.pose.scale
    for part in worn.frame:
        canvas.dim(soft(part + np.array([0.0, 0.03 * scale]), size, 0.02 * scale), 0.3)
    for lens in worn.lenses:
        canvas.fill(lens, scene.look.lens, scene.extras.lens_opacity)
        low, high = lens.min(axis=0), lens.max(axis=0)
        x = low[0] + (high[0] - low[0]) * rng.uniform(0.2, 0.6)
        slant, wide = 0.1 * scale, 0.06 * scale
        streak = curves.as_points((x, low[1]), (x + wide, low[1]), (x + wide - slant, high[1]), (x - slant, high[1]))
        view = canvas.view.around([lens])
        glare = view.spread([soft(streak, size, 0.02 * scale)]) * view.spread([soft(lens, size, 0.012)])
        canvas.blend(Patch(view.window, glare), (1.0, 1.0, 1.0), rng.uniform(0, 0.35))
    for part in worn.frame:
        canvas.fill(part, scene.look.frame)


def paint_occluders(canvas: Canvas, scene: Scene) -> None:
    """A hand, shaded finger by finger, or an object."""
    for finger in scene.extras.hand:
        middle = finger.mean(axis=0)
        view = canvas.view.around([finger])
        dim = view.spread([soft(middle + (finger - middle) * 0.86, view.size, 0.05 * scene.on.pose.scale)])
        light = simple_light(scene, np.float32(0.15) + np.float32(0.6) * dim)
        canvas.fill(finger, Canvas(view, clip01(rgb(scene.look.hand) * light)))
    if scene.extras.thing is not None:
        view = canvas.view.around([scene.extras.thing])
        light = simple_light(scene, upright(scene, view, float(scene.on.outline.left[20]), 1.2))
        canvas.fill(scene.extras.thing, Canvas(view, clip01(rgb(scene.look.thing) * light)))
