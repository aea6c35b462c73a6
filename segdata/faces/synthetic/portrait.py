"""Painting a scene: far things first, the face as albedo times light, the camera last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segdata.faces.synthetic import curves, shading
from segdata.faces.synthetic.backdrop import paint_backdrop
from segdata.faces.synthetic.camera import capture
from segdata.faces.synthetic.canvas import Canvas, soft
from segdata.faces.synthetic.face_paint import paint_eyes, paint_mouth, skin_albedo
from segdata.faces.synthetic.raster import Field, Points
from segdata.faces.synthetic.scene import Scene
from segdata.faces.synthetic.texture import clouds, look_up, strand_table
from segdata.faces.synthetic.wear_paint import paint_body, paint_ear, paint_glasses, paint_hat, paint_occluders

FULL = (slice(None), slice(None))


def _hair_ink(scene: Scene, u: Field, v: Field, rng: np.random.Generator) -> Field:
    """Strands radiating from the parting, with a band of shine; float32 (size, size, 3)."""
    look, style, size = scene.look, scene.style, u.shape[0]
    start = np.float32(style.parting * 0.35 + 0.35 * np.sin(scene.on.pose.yaw))
    du, dv = u - start, np.abs(v + np.float32(1.2))
    bend = clouds(rng, size, 5)
    curl = np.float32(look.curl * (1.0 if style.style != "curly" else 2.5))
    wave = np.sin(dv * np.float32(rng.uniform(6, 16)) + bend * 3) * curl * np.float32(0.035)
    phase = (du + wave) / (np.float32(0.3) + dv * np.float32(0.75) + np.abs(du) * np.float32(0.45)) + bend * np.float32(0.03)
    table = strand_table(rng)
    strands = look_up(table, phase * np.float32(rng.uniform(0.35, 0.75)))
    if style.style == "curly":
        strands = strands * 0.35 + clouds(rng, size, int(rng.integers(14, 30)), 2) * np.float32(0.9)
    if style.style == "cropped":
        strands = strands * 0.3 + clouds(rng, size, 60) * np.float32(0.5)
    band = np.exp(-(((v - np.float32(rng.uniform(-1.05, -0.75))) / np.float32(0.22)) ** 2))
    lx, ly, lz = scene.look.light.towards
    side = np.clip(0.55 + 0.4 * (u * np.float32(lx) + (v + 0.4) * np.float32(ly)) + 0.25 * lz, 0.22, 1.25)
    tone = side * (1 + np.float32(look.hair_contrast) * strands)
    key, fill = np.asarray(look.light.key, dtype=np.float32), np.asarray(look.light.fill, dtype=np.float32)
    colour = np.asarray(look.hair, dtype=np.float32)
    shine = np.float32(look.hair_shine * 0.5) * band * np.clip(0.35 + strands, 0, None) * np.clip(side, 0, 1)
    ink: Field = np.clip(colour * (key * 0.75 + fill * 0.45) * tone[..., None] + shine[..., None] * key * (colour * 0.7 + 0.18), 0, 1)
    return ink


def _cast_shadow(scene: Scene, size: int) -> Field:
    """Share of the key light reaching the head: hair, hat and nose throw soft shadows away from the light."""
    lx, ly, lz = scene.look.light.towards
    scale = scene.on.pose.scale
    away = np.array([-lx, -ly]) / max(lz, 0.35)
    covers: list[Points] = [outline + away * 0.09 * scale for outline in (*scene.hair.cap, *scene.hair.locks)]
    if scene.extras.hat is not None:
        brim = scene.extras.hat.brim
        covers.append((scene.extras.hat.crown if brim is None else brim) + away * 0.2 * scale)
    shadow = np.zeros((size, size), dtype=np.float32)
    if covers:
        shadow = soft(covers, size, 0.05 * scale) * np.float32(0.55)
    reach = scene.build.nose_reach
    nose = scene.nose.region
    thrown = nose + away * 0.42 * reach * scale * np.clip((nose[:, 1:] - nose[:, 1].min()) / np.ptp(nose[:, 1]), 0, 1)
    beside = soft([thrown], size, 0.035 * scale) * (1 - soft([nose], size, 0.03 * scale))
    return np.asarray(1 - np.maximum(shadow, beside * np.float32(0.6)), dtype=np.float32)


def _paint_head(canvas: Canvas, scene: Scene, u: Field, v: Field, rng: np.random.Generator) -> None:
    size = canvas.size
    face = Canvas(skin_albedo(scene, u, v, rng))
    normal = shading.head_normal(scene, u, v)
    diffuse, shine = shading.lit(normal, scene.look.light, scene.look.gloss, _cast_shadow(scene, size))
    diffuse *= shading.occlusion(scene, u, v)[..., None]
    face.pixels *= diffuse
    face.pixels += shine[..., None] * np.asarray(scene.look.light.key, dtype=np.float32)
    paint_mouth(face, scene, diffuse)
    if not scene.extras.eyes_hidden:
        paint_eyes(face, scene, diffuse)
    canvas.fill(scene.head, face.pixels)
    canvas.fill(scene.nose.region, face.pixels)


def paint(scene: Scene, size: int) -> NDArray[np.uint8]:
    """uint8 RGB (size, size, 3) photograph of the scene."""
    rng = np.random.default_rng([scene.seed, 1])
    canvas = Canvas(paint_backdrop(scene.look, size, rng))
    u, v = scene.on.pose.plane_grid(size)
    hair = _hair_ink(scene, u, v, rng)
    for sheet in scene.hair.behind:
        canvas.fill(sheet, hair * np.float32(0.72))
    paint_body(canvas, scene, u, v, rng)
    for ear in scene.ears:
        if not ear.near:
            paint_ear(canvas, scene, ear)
    _paint_head(canvas, scene, u, v, rng)
    if scene.extras.glasses is not None:
        paint_glasses(canvas, scene, scene.extras.glasses, rng)
    for sheet in scene.hair.cap:
        canvas.fill(sheet, hair)
    for ear in scene.ears:
        if ear.near:
            paint_ear(canvas, scene, ear)
    for ring in scene.extras.earrings:
        canvas.fill(ring, scene.look.jewel)
    for sheet in scene.hair.locks:
        canvas.fill(sheet, hair)
    if scene.extras.hat is not None:
        paint_hat(canvas, scene, scene.extras.hat, u, v, rng)
    paint_occluders(canvas, scene, u, v)
    return capture(canvas.pixels, scene.look.camera, np.random.default_rng([scene.seed, 2]))


__all__ = ["curves", "paint"]
