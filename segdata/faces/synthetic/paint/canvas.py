"""Parts of a picture (views) and float pictures that outlines are painted on.

Pictures are planar, float32 (3, rows, columns), 0..1: a field (rows, columns) then multiplies all channels at once.
What is painted with a view smaller than the picture costs less and looks the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from segdata.faces.synthetic.figure.head import Pose
from segdata.faces.synthetic.shapes.raster import Field, Patch, Points, Window, coverage

Colour = tuple[float, float, float]


def rgb(colour: Sequence[float] | Field) -> Field:
    """A colour as float32 (3, 1, 1), ready to meet fields."""
    return np.asarray(colour, dtype=np.float32).reshape(3, 1, 1)


def clip01(values: Field) -> Field:
    """Values held within 0..1, in place."""
    np.maximum(values, np.float32(0), out=values)
    return np.minimum(values, np.float32(1), out=values)


@dataclass(frozen=True)
class View:
    """A window of a size x size picture with the face-plane coordinates (u, v) of its pixel centres."""

    size: int
    window: Window
    u: Field
    v: Field

    @classmethod
    def whole(cls, pose: Pose, size: int) -> View:
        """The view of the entire picture."""
        return cls(size, (slice(0, size), slice(0, size)), *pose.plane_grid(size))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.u.shape[0], self.u.shape[1]

    def local(self, window: Window) -> tuple[Window, Window]:
        """Where a window of the picture meets this view: (slices of this view, slices of that window)."""
        here, there = [], []
        for mine, other in zip(self.window, window, strict=True):
            low, high = max(mine.start, other.start), min(mine.stop, other.stop)
            high = max(low, high)
            here.append(slice(low - mine.start, high - mine.start))
            there.append(slice(low - other.start, high - other.start))
        return (here[0], here[1]), (there[0], there[1])

    def around(self, outlines: Iterable[Points], margin: float = 0.0) -> View:
        """The part of this view that the outlines may touch, `margin` in picture units."""
        corners = [(points.min(axis=0), points.max(axis=0)) for points in outlines]
        if not corners:
            return self._cut((slice(0, 0), slice(0, 0)))
        low = np.min([corner[0] for corner in corners], axis=0) - margin
        high = np.max([corner[1] for corner in corners], axis=0) + margin
        first = np.minimum(np.maximum(np.floor(low * self.size), 0), self.size).astype(int)
        last = np.minimum(np.maximum(np.ceil(high * self.size), 0), self.size).astype(int)
        return self._cut((slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))))

    def _cut(self, window: Window) -> View:
        here, _ = self.local(window)
        rows, columns = (
            slice(part.start + mine.start, part.stop + mine.start) for part, mine in zip(here, self.window, strict=True)
        )
        return View(self.size, (rows, columns), self.u[here], self.v[here])

    def clouds(self, rng: np.random.Generator, cells: int, octaves: int = 1) -> Field:
        """Smooth noise over the view, about -1..1: grids of `cells` across the picture (then 2x ...) scaled up."""
        rows, columns = self.window
        height, width = self.shape
        total = np.zeros((height, width), dtype=np.float32)
        for octave in range(octaves):
            count = cells * 2**octave
            grid = rng.random((count, count), dtype=np.float32) * np.float32(2 * 0.6**octave) - np.float32(0.6**octave)
            if height and width:
                cell = count / self.size
                box = (columns.start * cell, rows.start * cell, columns.stop * cell, rows.stop * cell)
                total += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC, box=box))
        return total

    def spread(self, patches: Iterable[Patch[Field]]) -> Field:
        """Patches of the picture laid into a field of this view; where they overlap the larger value counts."""
        field = np.zeros(self.shape, dtype=np.float32)
        for window, values in patches:
            here, there = self.local(window)
            field[here] = np.maximum(field[here], values[there])
        return field


class Canvas:
    """A picture of one view: `pixels` float32 (3, rows, columns)."""

    def __init__(self, view: View, pixels: Field) -> None:
        self.view = view
        self.pixels = pixels

    @classmethod
    def plain(cls, view: View, colour: Sequence[float] | Field) -> Canvas:
        """A canvas of one colour."""
        return cls(view, np.broadcast_to(rgb(colour), (3, *view.shape)).copy())

    def blend(self, patch: Patch[Field], ink: Sequence[float] | Field | Canvas, opacity: float = 1.0) -> None:
        """Mix a colour, or another canvas at the same place, into the patch's window with the patch's weight."""
        here, there = self.view.local(patch.window)
        alpha = patch.values[there]
        if alpha.size == 0:
            return
        if opacity != 1.0:
            alpha = alpha * np.float32(opacity)
        target = self.pixels[:, here[0], here[1]]
        if isinstance(ink, Canvas):
            rows, columns = self.view.window
            window = (
                slice(rows.start + here[0].start, rows.start + here[0].stop),
                slice(columns.start + here[1].start, columns.start + here[1].stop),
            )
            mine, part = ink.view.local(window)
            target = target[:, part[0], part[1]]
            target += alpha[part] * (ink.pixels[:, mine[0], mine[1]] - target)
        else:
            target += alpha * (rgb(ink) - target)

    def fill(self, outline: Points, ink: Sequence[float] | Field | Canvas, opacity: float = 1.0) -> None:
        """Paint an outline with anti-aliased edges."""
        self.blend(coverage(outline, self.view.size), ink, opacity)

    def dim(self, patch: Patch[Field], amount: float) -> None:
        """Darken by `amount` times the patch."""
        here, there = self.view.local(patch.window)
        self.pixels[:, here[0], here[1]] *= 1 - np.float32(amount) * patch.values[there]


def soft(outline: Points, size: int, blur: float) -> Patch[Field]:
    """Coverage of an outline with edges blurred over about `blur` (picture units).

    Drawn small and scaled up: a soft edge needs no more pixels than its width.
    """
    cell = max(blur / 1.3, 1.0 / size)
    low, high = outline.min(axis=0) - 3 * cell, outline.max(axis=0) + 3 * cell
    low, high = np.maximum(low, -4 * cell), np.minimum(high, 1 + 4 * cell)
    first = np.floor(low * size).astype(int)
    side = int(max(np.ceil((high - low) * size).max(), 1))
    small = max(int(np.ceil(side / (cell * size))), 4)
    window, values = coverage((outline * size - first) / side, small)
    field = np.zeros((small + 2, small + 2), dtype=np.float32)
    field[1:-1, 1:-1][window] = values
    field = (field[:-2] + 2 * field[1:-1] + field[2:]) * np.float32(0.25)
    field = (field[:, :-2] + 2 * field[:, 1:-1] + field[:, 2:]) * np.float32(0.25)
    large = np.asarray(Image.fromarray(field).resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32)
    left, top = max(int(first[0]), 0), max(int(first[1]), 0)
    right, bottom = max(min(int(first[0]) + side, size), left), max(min(int(first[1]) + side, size), top)
    part = large[top - first[1] : bottom - first[1], left - first[0] : right - first[0]]
    bottom, right = top + part.shape[0], left + part.shape[1]
    return Patch((slice(top, bottom), slice(left, right)), part)
