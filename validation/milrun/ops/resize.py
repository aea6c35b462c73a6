"""Resizing the last two dimensions by factor or to a size."""

from __future__ import annotations

from math import floor

import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op
from validation.milrun.sampling import grid_points, interpolate_axis

# Modes that torch's own, faster interpolation has: mode -> align_corners.
_TORCH_MODES = {"UNALIGN_CORNERS": False, "STRICT_ALIGN_CORNERS": True}


@op("upsample_nearest_neighbor", exact=True)
def upsample_nearest_neighbor(x: Tensor, scale_factor_height: float = 1.0, scale_factor_width: float = 1.0) -> Tensor:
    """Nearest neighbour, output sizes floor(size * factor): output pixel i shows input pixel floor(i * Xin / Xout)."""
    return _nearest(x, _scaled(x, scale_factor_height, scale_factor_width))


@op("resize_nearest_neighbor", exact=True)
def resize_nearest_neighbor(x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """Nearest neighbour to a size, by centres: output pixel i shows input pixel floor((i + 0.5) * Xin / Xout).

    As TensorFlow's half_pixel_centers, which coremltools converts to this operation.
    """
    size = (target_size_height, target_size_width)
    check_size([*x.shape[:-2], *size])
    for axis, target in zip((-2, -1), size, strict=True):
        points = grid_points("DEFAULT", x.shape[axis], target)
        x = x.index_select(axis, nearest_indices("DEFAULT", points, x.shape[axis]))
    return x


@op("upsample_bilinear")
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1.0,
    scale_factor_width: float = 1.0,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Resize bilinearly to floor(size * factor); the factor is recomputed from the sizes."""
    half = not align_corners if half_pixel_centers is None else half_pixel_centers
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if half else "DEFAULT"
    return _bilinear(x, _scaled(x, scale_factor_height, scale_factor_width), mode)


@op("resize_bilinear")
def resize_bilinear(
    x: Tensor, target_size_height: int = 1, target_size_width: int = 1, sampling_mode: str = "DEFAULT"
) -> Tensor:
    """Bilinear to a size, see `validation.milrun.sampling` for the modes."""
    return _bilinear(x, (target_size_height, target_size_width), sampling_mode)


@op("resize", since=17)
def resize(
    x: Tensor,
    shape: list[int],
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """Resize the last `resized_dims` dimensions to the last sizes of `shape`; a size of 0 keeps the dimension."""
    count = resized_dims
    if not 0 < count <= min(len(shape), x.dim()):
        raise ValueError(f"resized_dims is {count} for a shape of {len(shape)} sizes and rank {x.dim()}")
    wanted = [size or x.shape[i - count] for i, size in enumerate(shape[-count:])]
    check_size([*x.shape[:-count], *wanted])
    if interpolation_mode == "LINEAR" and count == 2 and x.is_floating_point():
        return _bilinear(x, (wanted[0], wanted[1]), sampling_mode)
    result = x.to(torch.float32)
    for axis, size in zip(range(x.dim() - count, x.dim()), wanted, strict=True):
        points = grid_points(sampling_mode, x.shape[axis], size)
        if interpolation_mode == "LINEAR":
            result = interpolate_axis(result, axis, points)
        else:
            result = result.index_select(axis, nearest_indices(sampling_mode, points, x.shape[axis]))
    return result.to(x.dtype)


def nearest_indices(mode: str, points: Tensor, size: int) -> Tensor:
    """Input samples nearest to `points`.

    DEFAULT takes the sample in which the output pixel's centre lies, floor((i + 0.5) * Xin / Xout), as coremltools' own
    tests expect; the others round, halves up.
    """
    count = max(1, points.numel())
    chosen = points + 0.5 * size / count if mode == "DEFAULT" else points + 0.5
    return chosen.floor().clamp(0, size - 1).to(torch.int64)


def _scaled(x: Tensor, height_factor: float, width_factor: float) -> tuple[int, int]:
    return floor(height_factor * x.shape[-2]), floor(width_factor * x.shape[-1])


def _nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    check_size([*x.shape[:-2], *size])
    if x.dim() == 4 and all(out % have == 0 for out, have in zip(size, x.shape[-2:], strict=True)):
        return F.interpolate(x, size, mode="nearest")
    for axis, target in zip((-2, -1), size, strict=True):
        index = (torch.arange(target, dtype=torch.int64) * x.shape[axis]).div(target, rounding_mode="floor")
        x = x.index_select(axis, index)
    return x


def _bilinear(x: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    check_size([*x.shape[:-2], *size])
    if mode in _TORCH_MODES:
        flat = x if x.dim() == 4 else x.reshape(1, -1, *x.shape[-2:])
        result = F.interpolate(flat, size, mode="bilinear", align_corners=_TORCH_MODES[mode])
        return result.reshape(*x.shape[:-2], *size)
    for axis, target in zip((-2, -1), size, strict=True):
        x = interpolate_axis(x, axis, grid_points(mode, x.shape[axis], target))
    return x
