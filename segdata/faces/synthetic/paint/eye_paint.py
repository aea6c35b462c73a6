"""Eyes, the open mouth and the nostrils: what is painted onto the face after it is lit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from segdata.faces.synthetic.figure.features import Eye
from segdata.faces.synthetic.figure.scene import Scene
from segdata.faces.synthetic.paint.canvas import Canvas, clip01, rgb, soft
from segdata.faces.synthetic.shapes import curves
from segdata.faces.synthetic.shapes.raster import Field, Points, coverage


def _mean_light(light: Canvas, outline: Points) -> Field:
    """Average light inside an outline, float32 (3,); one where the outline is out of the picture."""
    window, alpha = coverage(outline, light.view.size)
    here, there = light.view.local(window)
    alpha = alpha[there]
    total = float(alpha.sum())
    if total < 1e-3:
        return np.ones(3, dtype=np.float32)
    mean: Field = (light.pixels[:, here[0], here[1]] * alpha).sum(axis=(1, 2)) / np.float32(total)
    return mean


def _tone(colour: ArrayLike, light: Field, floor: float) -> Field:
    """A colour under `light`, of which a share `floor` is always there."""
    return clip01(np.asarray(colour, dtype=np.float32) * (np.float32(floor) + np.float32(1 - floor) * light))


def _paint_ball(face: Canvas, scene: Scene, eye: Eye, opening: Points, light: Field) -> None:
    size, iris = face.view.size, np.asarray(scene.look.iris, dtype=np.float32)
    ball = Canvas.plain(face.view.around([opening]), _tone((0.87, 0.84, 0.82), light, 0.35))
    middle = eye.iris.mean(axis=0)
    ball.fill(eye.iris, _tone(iris * 0.45, light, 0.1))
    ball.fill(middle + (eye.iris - middle) * 0.82, _tone(iris * 1.15, light, 0.2))
    ball.fill(eye.pupil, (0.02, 0.02, 0.025))
    ball.dim(soft(curves.ribbon(eye.lash, eye.width * 0.36), size, eye.width * 0.16), 0.55)
    for corner in (opening[0], opening[len(eye.lash) - 1]):
        spot = curves.ellipse((float(corner[0]), float(corner[1])), eye.width * 0.14, eye.width * 0.14)
        ball.blend(soft(spot, size, eye.width * 0.1), _tone((0.75, 0.45, 0.42), light, 0.2), 0.6)
    ball.fill(eye.glint, (1.0, 1.0, 1.0), 0.85)
    face.fill(opening, ball)


def paint_eyes(face: Canvas, scene: Scene, light: Canvas) -> None:
    """Eyeballs under their lids, lashes and lid creases, onto the lit face."""
    skin = np.asarray(scene.look.skin, dtype=np.float32)
    size = face.view.size
    for eye in scene.eyes:
        here = _mean_light(light, curves.ribbon(eye.lash, eye.width * 0.3) if eye.opening is None else eye.opening)
        taper = np.sin(np.linspace(0.25, np.pi - 0.25, len(eye.crease)))
        crease = curves.ribbon(eye.crease, eye.width * 0.1 * taper)
        face.blend(soft(crease, size, eye.width * 0.05), _tone(skin * 0.45, here, 0.0), 0.75)
        rim = curves.ribbon(eye.lower_rim, eye.width * 0.13)
        face.blend(soft(rim, size, eye.width * 0.05), _tone(skin * np.array([0.85, 0.58, 0.56]), here, 0.0), 0.65)
        if eye.opening is not None:
            _paint_ball(face, scene, eye, eye.opening, here)
        dark = _tone(np.asarray(scene.look.brow) * 0.35, here, 0.0)
        taper = np.sin(np.linspace(0.35, np.pi - 0.2, len(eye.lash))) ** 0.5
        face.fill(curves.ribbon(eye.lash, eye.width * (0.1 + 0.12 * scene.look.makeup) * taper), dark, 0.85)


def _paint_inside(face: Canvas, scene: Scene, inner: Points, light: Field) -> None:
    mouth = scene.mouth
    inside = Canvas.plain(face.view.around([inner]), _tone((0.20, 0.05, 0.05), light, 0.3))
    if mouth.tongue is not None:
        inside.blend(
            soft(mouth.tongue, face.view.size, 0.02 * scene.on.pose.scale), _tone((0.62, 0.27, 0.27), light, 0.25), 0.9
        )
    if mouth.teeth is not None:
        white = np.array([1.0, 0.96, 0.88]) * scene.look.teeth
        inside.blend(soft(mouth.teeth, face.view.size, 0.012 * scene.on.pose.scale), _tone(white, light, 0.3), 0.9)
    inside.dim(
        soft(curves.ribbon(mouth.line, 0.05 * scene.on.pose.scale), face.view.size, 0.02 * scene.on.pose.scale), 0.12
    )
    face.fill(inner, inside)


def paint_mouth(face: Canvas, scene: Scene, light: Canvas) -> None:
    """The open mouth's inside, or the dark line between shut lips, and the nostrils."""
    mouth, size, scale = scene.mouth, face.view.size, scene.on.pose.scale
    here = _mean_light(light, mouth.lower)
    if mouth.inner is not None:
        _paint_inside(face, scene, mouth.inner, here)
    else:
        line = curves.ribbon(mouth.line, 0.024 * scale)
        face.blend(soft(line, size, 0.012 * scale), _tone((0.20, 0.05, 0.05), here, 0.3), 0.85)
    hole = rgb(_tone(np.asarray(scene.look.skin) * np.array([0.26, 0.15, 0.14]), here, 0.2))
    for nostril in scene.nose.nostrils:
        face.blend(soft(nostril, size, 0.018 * scale), hole, 0.85)
