"""Seeded noise that looks the same at every picture size."""

from __future__ import annotations

import numpy as np

from segdata.faces.synthetic.shapes.raster import Field

TABLE = 4096
"""Length of a strand table; positions along it wrap."""


def strand_table(rng: np.random.Generator) -> Field:
    """One-dimensional noise for hair: locks, strands and single hairs, float32 (TABLE,), about -1..1."""
    table = np.zeros(TABLE, dtype=np.float64)
    for knots, weight in ((48, 0.45), (170, 0.35), (620, 0.3)):
        values = rng.uniform(-1, 1, knots)
        position = np.arange(TABLE) * knots / TABLE
        index = position.astype(np.int64)
        blend = position - index
        blend = blend * blend * (3 - 2 * blend)
        table += weight * (values[index % knots] * (1 - blend) + values[(index + 1) % knots] * blend)
    return table.astype(np.float32)


def look_up(table: Field, position: Field) -> Field:
    """Table values at `position` (1 is once through the table), nearest entry, wrapping."""
    index = (position * np.float32(TABLE)).astype(np.int32) & (TABLE - 1)
    values: Field = table[index]
    return values
