"""A float RGB picture that outlines are painted on."""

from __future__ import annotations

import numpy as np
from PIL import Image

from segdata.faces.synthetic.raster import Field, Points, Window, coverage

Ink = tuple[float, float, float] | Field


class Canvas:
    """float32 picture (size, size, 3), 0..1."""

    def __init__(self, pixels: Field) -> None:
        self.pixels = pixels
        self.size = pixels.shape[0]

    def blend(self, window: Window, alpha: Field, ink: Ink) -> None:
        """Mix `ink` (one colour, or a full-size or window-size picture) into `window` with weight `alpha`."""
        target = self.pixels[window]
        if target.size == 0:
            return
        paint = np.asarray(ink, dtype=np.float32)
        if paint.shape[:2] == self.pixels.shape[:2] and paint.ndim == 3:
            paint = paint[window]
        target += alpha[..., None] * (paint - target)

    def fill(self, outline: Points, ink: Ink, opacity: float = 1.0) -> None:
        """Paint an outline with hard (anti-aliased) edges."""
        window, alpha = coverage(outline, self.size)
        self.blend(window, alpha * np.float32(opacity), ink)

    def darken(self, shade: Field) -> None:
        """Multiply the whole picture by `shade` (size, size)."""
        self.pixels *= shade[..., None]


def soft(outlines: list[Points], size: int, blur: float) -> Field:
    """Coverage of the union of outlines blurred by about `blur` (picture units), float32 (size, size).

    Drawn small and scaled up: a soft edge needs no more pixels than its width.
    """
    small = int(np.clip(round(1.3 / max(blur, 1e-3)), 12, size))
    field = np.zeros((small, small), dtype=np.float32)
    for points in outlines:
        window, values = coverage(points, small)
        field[window] = np.maximum(field[window], values)
    padded = np.pad(field, 1, mode="edge")
    field = (padded[:-2] + 2 * padded[1:-1] + padded[2:])[:, 1:-1] * np.float32(0.25)
    padded = np.pad(field, 1, mode="edge")
    field = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:])[1:-1] * np.float32(0.25)
    return np.asarray(Image.fromarray(field).resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
