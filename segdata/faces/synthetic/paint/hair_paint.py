"""Hair as oriented noise, with edges that fray into strands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segdata.faces.synthetic.figure.scene import Scene
from segdata.faces.synthetic.paint.canvas import Canvas, View, clip01, rgb, soft
from segdata.faces.synthetic.shapes.raster import Field, Patch, Points
from segdata.faces.synthetic.shapes.texture import look_up, strand_table


@dataclass(frozen=True)
class HairInk:
    """Painted hair to cut sheets from, and the strand noise (about -1..1) that frays their edges."""

    lit: Canvas
    dark: Canvas
    strands: Field
    fray: float

    def fill(self, canvas: Canvas, sheet: Points, dim: bool = False) -> None:
        """Paint one sheet of hair; `dim` for hair in the head's shade."""
        window, cover = soft(sheet, canvas.view.size, self.fray)
        here, there = self.lit.view.local(window)
        cover = cover[there]
        if cover.size == 0:
            return
        edge = cover * (1 - cover) * 4
        alpha = clip01(
            (cover - np.float32(0.5)) * np.float32(2.4) + np.float32(0.5) + edge * self.strands[here] * np.float32(0.7)
        )
        rows, columns = self.lit.view.window
        place = (
            slice(rows.start + here[0].start, rows.start + here[0].stop),
            slice(columns.start + here[1].start, columns.start + here[1].stop),
        )
        canvas.blend(Patch(place, alpha), self.dark if dim else self.lit)


def _strands(scene: Scene, view: View, rng: np.random.Generator) -> Field:
    """Strands radiating from the parting, waved or curled, about -1..1."""
    look, style, scale = scene.look, scene.style, scene.on.pose.scale
    start = np.float32(style.parting * 0.35 + 0.35 * np.sin(scene.on.pose.yaw))
    du, dv = view.u - start, np.abs(view.v + np.float32(1.2))
    bend = view.clouds(rng, max(round(2 / scale), 2))
    curl = np.float32(look.curl * 0.035)
    wave = np.sin(dv * np.float32(rng.uniform(6, 16)) + bend * 3) * curl
    phase = (du + wave) / (np.float32(0.3) + dv * np.float32(0.75) + np.abs(du) * np.float32(0.45)) + bend * np.float32(
        0.03
    )
    strands = look_up(strand_table(rng), phase * np.float32(rng.uniform(0.35, 0.75)))
    if style.style == "curly":
        ridges = 1 - 2.2 * np.abs(view.clouds(rng, round(rng.uniform(7, 15) / scale), 2))
        strands = strands * np.float32(0.3) + ridges.astype(np.float32) * np.float32(0.55)
    if style.style == "cropped":
        strands = strands * np.float32(0.35) + view.clouds(rng, round(22 / scale)) * np.float32(0.5)
    return strands


def hair_ink(scene: Scene, whole: View, rng: np.random.Generator) -> HairInk | None:
    """Ink for every sheet of hair in the scene; None for a bald head."""
    sheets = (*scene.hair.behind, *scene.hair.cap, *scene.hair.locks)
    if not sheets:
        return None
    look, light = scene.look, scene.look.light
    fray = 0.035 * scene.on.pose.scale
    view = whole.around(sheets, margin=2 * fray)
    strands = _strands(scene, view, rng)
    band = np.exp(-(((view.v - np.float32(rng.uniform(-1.05, -0.75))) * np.float32(1 / 0.22)) ** 2))
    lx, ly, lz = (np.float32(part) for part in light.towards)
    round_head = np.minimum(np.maximum(view.u * lx + (view.v + np.float32(0.4)) * ly, -1), 1)
    side = np.minimum(np.maximum(np.float32(0.55) + np.float32(0.4) * round_head + np.float32(0.25) * lz, 0.22), 1.25)
    tone = side * (1 + np.float32(look.hair_contrast) * strands)
    colour, key, fill = rgb(look.hair), rgb(light.key), rgb(light.fill)
    shine = np.float32(look.hair_shine * 0.5) * band * np.maximum(np.float32(0.35) + strands, 0) * np.minimum(side, 1)
    ink = colour * (key * np.float32(0.75) + fill * np.float32(0.45)) * tone
    ink += shine * (key * (colour * np.float32(0.7) + np.float32(0.18)))
    lit = Canvas(view, clip01(ink))
    return HairInk(lit, Canvas(view, lit.pixels * np.float32(0.68)), strands, fray)
