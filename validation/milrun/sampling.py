"""Where resized pixels come from: the sampling modes shared by all resizing operations.

For an input of Xin samples and an output of Xout, grid[i] for i = 0..Xout-1 is (from the definition of resize_bilinear
in MIL):
    STRICT_ALIGN_CORNERS  i * (Xin - 1) / (Xout - 1)
    ALIGN_CORNERS         the same, but (Xin - 1) / 2 if Xout is 1
    DEFAULT               i * Xin / Xout
    OFFSET_CORNERS        (i + 0.5) * max(1, Xin - 1) / Xout
    UNALIGN_CORNERS       (i + 0.5) * Xin / Xout - 0.5
all clamped to 0..Xin-1.
"""

from __future__ import annotations

import torch
from torch import Tensor


def grid_points(mode: str, size_in: int, size_out: int) -> Tensor:
    """Unclamped sampling positions; float64, shape (size_out,).

    Raises:
        ValueError: unknown mode.
    """
    i = torch.arange(size_out, dtype=torch.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if size_out == 1:
            return i + ((size_in - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0)
        return i * ((size_in - 1) / (size_out - 1))
    if mode == "DEFAULT":
        return i * (size_in / size_out)
    if mode == "OFFSET_CORNERS":
        return (i + 0.5) * (max(1, size_in - 1) / size_out)
    if mode == "UNALIGN_CORNERS":
        return (i + 0.5) * (size_in / size_out) - 0.5
    raise ValueError(f"sampling mode {mode!r} is unknown")


def interpolate_axis(x: Tensor, axis: int, points: Tensor) -> Tensor:
    """Linear interpolation of `x` along `axis` at `points` (clamped to the ends)."""
    last = x.shape[axis] - 1
    clamped = points.clamp(0, last)
    low = clamped.floor().to(torch.int64)
    high = (low + 1).clamp(max=last)
    shape = [1] * x.dim()
    shape[axis] = -1
    weight = (clamped - low).to(x.dtype).reshape(shape)
    return torch.lerp(x.index_select(axis, low), x.index_select(axis, high), weight)
