"""Painting a scene: far things first, the face as albedo times light, the camera last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segdata.faces.synthetic.camera import capture
from segdata.faces.synthetic.figure.scene import Scene
from segdata.faces.synthetic.paint import shading
from segdata.faces.synthetic.paint.backdrop import paint_backdrop
from segdata.faces.synthetic.paint.canvas import Canvas, View, rgb, soft
from segdata.faces.synthetic.paint.eye_paint import paint_eyes, paint_mouth
from segdata.faces.synthetic.paint.face_paint import skin_albedo
from segdata.faces.synthetic.paint.hair_paint import HairInk, hair_ink
from segdata.faces.synthetic.paint.wear_paint import paint_body, paint_ear, paint_glasses, paint_hat, paint_occluders
from segdata.faces.synthetic.shapes.raster import Field


def _cast_shadow(scene: Scene, view: View) -> Field:
    """Share of the key light reaching the head: hair, hat and nose throw soft shadows away from the light."""
    lx, ly, lz = scene.look.light.towards
    scale, size = scene.on.pose.scale, view.size
    away = np.array([-lx, -ly]) / max(lz, 0.35)
    covers = [soft(sheet + away * 0.09 * scale, size, 0.05 * scale) for sheet in (*scene.hair.cap, *scene.hair.locks)]
    if scene.extras.hat is not None:
        brim = scene.extras.hat.brim
        edge = scene.extras.hat.crown if brim is None else brim
        covers.append(soft(edge + away * 0.2 * scale, size, 0.05 * scale))
    shadow = view.spread(covers) * np.float32(0.55)
    nose = scene.nose.region
    low = np.clip((nose[:, 1:] - nose[:, 1].min()) / np.ptp(nose[:, 1]), 0, 1)
    thrown = nose + away * 0.42 * scene.build.nose_reach * scale * low
    beside = view.spread([soft(thrown, size, 0.035 * scale)]) * np.float32(0.6)
    beside *= 1 - view.spread([soft(nose, size, 0.03 * scale)])
    return np.asarray(1 - np.maximum(shadow, beside), dtype=np.float32)


def _paint_head(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    view = canvas.view.around([scene.head, scene.nose.region])
    face = skin_albedo(scene, view, rng)
    normal = shading.head_normal(scene, view)
    diffuse, shine = shading.lit(normal, scene.look.light, scene.look.gloss, _cast_shadow(scene, view))
    diffuse *= shading.occlusion(scene, view)
    face.pixels *= diffuse
    face.pixels += shine * rgb(scene.look.light.key)
    light = Canvas(view, diffuse)
    paint_mouth(face, scene, light)
    if not scene.extras.eyes_hidden:
        paint_eyes(face, scene, light)
    canvas.fill(scene.head, face)
    canvas.fill(scene.nose.region, face)


def _paint_front(canvas: Canvas, scene: Scene, ink: HairInk | None, rng: np.random.Generator) -> None:
    """All that lies over the face, from the glasses outwards."""
    if scene.extras.glasses is not None:
        paint_glasses(canvas, scene, scene.extras.glasses, rng)
    if ink is not None:
        for sheet in scene.hair.cap:
            ink.fill(canvas, sheet)
    for ear in scene.ears:
        if ear.near:
            paint_ear(canvas, scene, ear)
    for ring in scene.extras.earrings:
        canvas.fill(ring, scene.look.jewel)
    if ink is not None:
        for sheet in scene.hair.locks:
            ink.fill(canvas, sheet)
    if scene.extras.hat is not None:
        paint_hat(canvas, scene, scene.extras.hat, rng)
    paint_occluders(canvas, scene)


def paint(scene: Scene, size: int) -> NDArray[np.uint8]:
    """uint8 RGB (size, size, 3) photograph of the scene."""
    rng = np.random.default_rng([scene.seed, 1])
    canvas = paint_backdrop(scene.look, View.whole(scene.on.pose, size), rng)
    ink = hair_ink(scene, canvas.view, rng)
    if ink is not None:
        for sheet in scene.hair.behind:
            ink.fill(canvas, sheet, dim=True)
    paint_body(canvas, scene, rng)
    for ear in scene.ears:
        if not ear.near:
            paint_ear(canvas, scene, ear)
    _paint_head(canvas, scene, rng)
    _paint_front(canvas, scene, ink, rng)
    return capture(canvas.pixels, scene.look.camera, np.random.default_rng([scene.seed, 2]))
