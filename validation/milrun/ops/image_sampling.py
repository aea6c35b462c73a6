"""Sampling pictures at computed places: crop_resize, resample, affine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op
from validation.milrun.sampling import grid_points


def _box_corners(box: list[float], mode: str) -> tuple[float, float, float, float]:
    """Return (top, left, bottom, right) of a box in any of the four conventions."""
    if mode.endswith("WIDTH_FIRST"):
        box = [box[1], box[0], box[3], box[2]]
    if mode.startswith("CENTER_SIZE"):
        y, x, height, width = box
        return y - height / 2, x - width / 2, y + height / 2, x + width / 2
    if not mode.startswith("CORNERS"):
        raise ValueError(f"box convention {mode!r} is unknown")
    top, left, bottom, right = box
    return top, left, bottom, right


def _box_points(start: float, end: float, count: int, mode: str) -> Tensor:
    """Sampling positions of a box that spans pixel centres start..end, as if it were a picture of its own."""
    span = abs(end - start) + 1
    last = span - 1
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        unit = grid_points(mode, 2, count)
        return start + unit * (end - start)
    i = torch.arange(count, dtype=torch.float64)
    if mode == "DEFAULT":
        points = i * (span / count)
    elif mode == "OFFSET_CORNERS":
        points = (i + 0.5) * (max(1.0, last) / count)
    elif mode == "UNALIGN_CORNERS":
        points = (i + 0.5) * (span / count) - 0.5
    else:
        raise ValueError(f"sampling mode {mode!r} is unknown")
    points = points.clamp(0, last)
    return start + points if end >= start else start - points


def _crop(picture: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Bilinear samples (C, rows, columns) of a (C, H, W) picture; positions outside it give its border."""
    for axis, points in ((1, rows), (2, columns)):
        last = picture.shape[axis] - 1
        inside = points.clamp(0, last)
        low = inside.floor().to(torch.int64)
        shape = [-1 if i == axis else 1 for i in range(3)]
        weight = (inside - low).to(picture.dtype).reshape(shape)
        picture = torch.lerp(
            picture.index_select(axis, low), picture.index_select(axis, (low + 1).clamp(max=last)), weight
        )
    return picture


def _outside(points: Tensor, size: int) -> Tensor:
    return (points < 0) | (points > size - 1)


def _crop_boxes(
    x: Tensor,
    boxes: list[list[float]],
    pictures: list[int],
    size: tuple[int, int],
    normalized: bool,
    scale: float,
    convention: str,
    mode: str,
    pad_value: float,
) -> Tensor:
    """Cut one crop (C, *size) per box out of the picture of that number; shape (N, C, *size)."""
    height, width = x.shape[-2:]
    check_size([len(boxes), x.shape[1], *size])
    crops = []
    for box, number in zip(boxes, pictures, strict=True):
        if not 0 <= number < x.shape[0]:
            raise IndexError(f"a box refers to picture {number} of {x.shape[0]}")
        top, left, bottom, right = (edge * scale for edge in _box_corners(box, convention))
        if normalized:
            top, bottom = top * (height - 1), bottom * (height - 1)
            left, right = left * (width - 1), right * (width - 1)
        rows = _box_points(top, bottom, size[0], mode)
        columns = _box_points(left, right, size[1], mode)
        crop = _crop(x[number], rows, columns)
        outside = _outside(rows, height)[:, None] | _outside(columns, width)[None]
        crops.append(torch.where(outside, torch.tensor(pad_value), crop))
    return torch.stack(crops) if crops else x.new_zeros([0, x.shape[1], *size])


@op("crop_resize")
def crop_resize(
    x: Tensor,
    roi: Tensor,
    target_height: int = 1,
    target_width: int = 1,
    normalized_coordinates: bool = False,
    spatial_scale: float = 1.0,
    box_coordinate_mode: str = "CORNERS_HEIGHT_FIRST",
    sampling_mode: str = "DEFAULT",
    pad_value: float = 0.0,
) -> Tensor:
    """Crop every box of roi (N, 1, 4, 1, 1) from every picture, or of (N, 1, 5, 1, 1) from the picture numbered in
    front.
    """
    rows = roi.reshape(roi.shape[0], -1).tolist()
    size = (target_height, target_width)
    rest = (size, normalized_coordinates, spatial_scale, box_coordinate_mode, sampling_mode, pad_value)
    if roi.shape[2] == 5:
        crops = _crop_boxes(x, [row[1:] for row in rows], [int(row[0]) for row in rows], *rest)
        return crops.unsqueeze(1)
    boxes = [row for row in rows for _ in range(x.shape[0])]
    crops = _crop_boxes(x, boxes, list(range(x.shape[0])) * len(rows), *rest)
    return crops.reshape(len(rows), x.shape[0], x.shape[1], *size)


@op("crop_resize", since=17)
def crop_resize_ios17(
    x: Tensor,
    boxes: Tensor,
    box_indices: Tensor | None = None,
    target_height: int = 1,
    target_width: int = 1,
    normalized_coordinates: bool = False,
    spatial_scale: float = 1.0,
    box_coordinate_mode: str = "CORNERS_HEIGHT_FIRST",
    sampling_mode: str = "DEFAULT",
    pad_value: float = 0.0,
) -> Tensor:
    """Crop one box (N, 4) each from the picture that box_indices names, or box i from picture i."""
    numbers = list(range(boxes.shape[0])) if box_indices is None else [int(i) for i in box_indices.tolist()]
    size = (target_height, target_width)
    rest = (size, normalized_coordinates, spatial_scale, box_coordinate_mode, sampling_mode, pad_value)
    return _crop_boxes(x, boxes.tolist(), numbers, *rest)


def _mirror(index: Tensor, size: int) -> Tensor:
    """Reflect at the outer pixels' centres: the edge is not repeated."""
    if size == 1:
        return torch.zeros_like(index)
    period = 2 * (size - 1)
    folded = index.remainder(period)
    return torch.where(folded > size - 1, period - folded, folded)


def _mirror_edges(index: Tensor, size: int) -> Tensor:
    """Reflect at the outer pixels' edges: the edge is repeated."""
    folded = index.remainder(2 * size)
    return torch.where(folded > size - 1, 2 * size - 1 - folded, folded)


_BORDERS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "border": lambda index, size: index.clamp(0, size - 1),
    "constant": lambda index, size: index.clamp(0, size - 1),
    "reflection": _mirror,
    "symmetric": _mirror_edges,
}


def _fold(position: Tensor, size: int, mode: str) -> Tensor:
    """Mirror exact positions before they are rounded to the nearest pixel; other borders act on the pixel."""
    if mode == "reflection":
        return _mirror(position, size)
    if mode == "symmetric":
        from_edge = (position + 0.5).remainder(2 * size)
        return torch.where(from_edge > size, 2 * size - from_edge, from_edge) - 0.5
    return position


def _to_pixels(coordinates: Tensor, size: int, mode: str, align_corners: bool) -> Tensor:
    """Coordinates in one of three conventions as pixel positions."""
    if mode == "unnormalized":
        return coordinates
    if mode == "normalized_minus_one_to_one":
        coordinates = (coordinates + 1) / 2
    elif mode != "normalized_zero_to_one":
        raise ValueError(f"coordinate mode {mode!r} is unknown")
    return coordinates * (size - 1) if align_corners else coordinates * size - 0.5


class _Sampler:
    """Reads pixels of x (B, C, H, W) at integer positions (B, H2, W2), with a border rule."""

    def __init__(self, x: Tensor, padding_mode: str, padding_value: float) -> None:
        if padding_mode not in _BORDERS:
            raise ValueError(f"padding mode {padding_mode!r} is unknown; one of {', '.join(_BORDERS)} was expected")
        self._x, self._mode, self._value = x, padding_mode, padding_value

    def pixels(self, row: Tensor, column: Tensor) -> Tensor:
        """Return the values (B, C, H2, W2) at whole coordinates."""
        height, width = self._x.shape[-2:]
        border = _BORDERS[self._mode]
        flat = (border(row, height) * width + border(column, width)).flatten(1)
        index = flat[:, None].expand(-1, self._x.shape[1], -1)
        values = self._x.flatten(2).gather(2, index).reshape(*self._x.shape[:2], *row.shape[1:])
        if self._mode != "constant":
            return values
        outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
        return torch.where(outside[:, None], torch.tensor(self._value, dtype=values.dtype), values)


@op("resample", since=15)
def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Sample x (B, C, H, W) at coordinates (B, H2, W2, 2), each (x, y)."""
    check_size([x.shape[0], x.shape[1], *coordinates.shape[1:3]])
    where = coordinates.to(torch.float32)
    column = _to_pixels(where[..., 0], x.shape[3], coordinates_mode, align_corners)
    row = _to_pixels(where[..., 1], x.shape[2], coordinates_mode, align_corners)
    sampler = _Sampler(x, padding_mode, padding_value)
    if sampling_mode == "nearest":
        row, column = _fold(row, x.shape[2], padding_mode), _fold(column, x.shape[3], padding_mode)
        return sampler.pixels(row.round().to(torch.int64), column.round().to(torch.int64))
    if sampling_mode != "bilinear":
        raise ValueError(f"sampling mode {sampling_mode!r} is unknown")
    top, left = row.floor(), column.floor()
    down, right = (row - top)[:, None], (column - left)[:, None]
    first_row, first_column = top.to(torch.int64), left.to(torch.int64)
    upper = torch.lerp(
        sampler.pixels(first_row, first_column), sampler.pixels(first_row, first_column + 1), right.to(x.dtype)
    )
    lower = torch.lerp(
        sampler.pixels(first_row + 1, first_column), sampler.pixels(first_row + 1, first_column + 1), right.to(x.dtype)
    )
    return torch.lerp(upper, lower, down.to(x.dtype))


@op("affine", since=15)
def affine(
    x: Tensor,
    transform_matrix: Tensor,
    output_height: int,
    output_width: int,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Output pixel (x, y), in -1..1, shows input (a0 x + a1 y + a2, b0 x + b1 y + b2); rows of 6 are a, then b."""
    check_size([x.shape[0], x.shape[1], output_height, output_width])
    rows = torch.linspace(-1, 1, output_height) if output_height > 1 else torch.tensor([-1.0])
    columns = torch.linspace(-1, 1, output_width) if output_width > 1 else torch.tensor([-1.0])
    y, across = torch.meshgrid(rows, columns, indexing="ij")
    matrix = transform_matrix.reshape(-1, 2, 3)
    points = torch.stack([across, y, torch.ones_like(y)], dim=-1)
    coordinates = torch.einsum("hwk,bik->bhwi", points, matrix).expand(x.shape[0], -1, -1, -1)
    return resample(x, coordinates, sampling_mode, padding_mode, padding_value, coordinates_mode, align_corners)
