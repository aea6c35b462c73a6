"""From the painted scene to the stored picture: exposure, lens, sensor, compression."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from segdata.faces.synthetic.figure.look import Camera
from segdata.faces.synthetic.paint.canvas import clip01, rgb
from segdata.faces.synthetic.shapes.raster import Field


def _expose(pixels: Field, camera: Camera) -> Field:
    gain = rgb(camera.white_balance) * np.float32(camera.exposure * camera.contrast)
    steps = np.linspace(-1, 1, pixels.shape[1], dtype=np.float32) ** 2
    fall = 1 - np.float32(camera.vignette * 0.5) * (steps[:, None] + steps[None, :])
    lit = pixels * (gain * fall)
    lit += np.float32(0.45 * (1 - camera.contrast))
    # A soft shoulder instead of a hard clip keeps bright skin from turning into flat white.
    over = lit > np.float32(0.8)
    lit[over] = 1 - np.float32(0.2) * np.exp((np.float32(0.8) - lit[over]) / np.float32(0.2))
    return clip01(lit)


def _smear(pixels: Field, camera: Camera) -> Field:
    """Motion blur: the mean of five copies along the motion."""
    size = pixels.shape[1]
    total = np.zeros_like(pixels)
    for step in np.linspace(-1, 1, 5):
        dx, dy = round(camera.motion[0] * size * step), round(camera.motion[1] * size * step)
        total += np.roll(pixels, (dy, dx), axis=(1, 2))
    return total / np.float32(5)


def capture(pixels: Field, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 RGB (size, size, 3) of the planar float32 picture `pixels` (3, size, size), 0..1."""
    size = pixels.shape[1]
    lit = _expose(pixels, camera)
    if camera.motion != (0.0, 0.0):
        lit = _smear(lit, camera)
    stored = np.ascontiguousarray((lit * np.float32(255) + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0))
    photo = Image.fromarray(stored)
    if camera.blur * size > 0.3:
        photo = photo.filter(ImageFilter.GaussianBlur(camera.blur * size))
    if camera.capture < 1:
        small = max(16, round(size * camera.capture))
        photo = photo.resize((small, small), Image.Resampling.BILINEAR).resize((size, size), Image.Resampling.BICUBIC)
    if camera.noise > 0.004:
        grain = rng.standard_normal((size, size, 3), dtype=np.float32) * np.float32(camera.noise * 255)
        noisy = np.asarray(photo, dtype=np.float32) + grain
        photo = Image.fromarray((np.minimum(np.maximum(noisy, 0), 255) + np.float32(0.5)).astype(np.uint8))
    if camera.jpeg:
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=camera.jpeg)
        photo = Image.open(file).convert("RGB")
    return np.array(photo)
