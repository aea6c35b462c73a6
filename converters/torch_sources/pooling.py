"""Pool in forms that every converter takes, computing the same. Imports torch.

Cells of an adaptive pooling may differ in size, which neither ONNX nor TFLite has; sizes are fixed here, so each cell
is written out:

    adaptive pooling      rows: slice, mean or maximum;  then columns: slice, mean or maximum

Windows of a sliding one may reach beyond the map, leave padding out of a mean, or have a divisor of their own:

    means                 pad -> mean of whole windows -> times a constant for each place
    maxima                pad with minus infinity -> maximum of whole windows
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ATEN = torch.ops.aten
Size = int | Sequence[int | None] | None
Pair = int | Sequence[int]


def adaptive_average(input: Tensor, output_size: Size) -> Tensor:  # noqa: A002 - torch's own name
    """`torch.nn.functional.adaptive_avg_pool2d`: float32 (N, C, H, W) -> (N, C, h, w).

    A cell's mean is the mean of its rows' means. Where all cells are alike, torch's own goes through as one operation.
    """
    cells = _cells(input, output_size)
    if cells is None:
        return functional.adaptive_avg_pool2d(input, output_size)  # type: ignore[arg-type]
    if _alike(input, cells):
        return functional.adaptive_avg_pool2d(input, (cells[0], cells[1]))
    return _by_cells(input, cells, _mean)


def adaptive_average_1d(input: Tensor, output_size: Size) -> Tensor:  # noqa: A002
    """`torch.nn.functional.adaptive_avg_pool1d`: float32 (N, C, L) -> (N, C, l)."""
    cells = _cells(input, output_size, axes=1)
    if cells is None or _alike(input, cells):
        return functional.adaptive_avg_pool1d(input, output_size)  # type: ignore[arg-type]
    return _by_cells(input, cells, _mean)


def _mean(part: Tensor, axis: int) -> Tensor:
    return part.mean(axis, keepdim=True)


def adaptive_maximum(
    input: Tensor,  # noqa: A002
    output_size: Size,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """`torch.nn.functional.adaptive_max_pool2d`: float32 (N, C, H, W) -> (N, C, h, w), bit for bit; with places it
    passes.

    A cell's maximum is the maximum of its rows' maxima.
    """
    cells = _cells(input, output_size)
    if cells is None or return_indices:
        return functional.adaptive_max_pool2d(input, output_size, return_indices)  # type: ignore[call-overload,no-any-return]
    return _by_cells(input, cells, lambda part, axis: part.amax(axis, keepdim=True))


def divided_average(
    input: Tensor,  # noqa: A002
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`torch.nn.functional.avg_pool2d`: (N, C, H, W) -> (N, C, h, w), written out where it has a divisor of its own."""
    windows = _Sliding.of(input, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is None or windows is None:
        pool: Callable[..., Tensor] = functional.avg_pool2d
        return pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return windows.average(input, divisor_override, with_padding=count_include_pad)


def plain_average(
    input: Tensor,  # noqa: A002
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`divided_average`, written out too where windows reach beyond the map or padding does not count."""
    windows = _Sliding.of(input, kernel_size, stride, padding, 1, ceil_mode)
    odd = windows is not None and (any(windows.beyond) or (any(windows.pads) and not count_include_pad))
    if windows is None or not odd:
        return divided_average(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return windows.average(input, divisor_override, with_padding=count_include_pad)


def plain_maximum(
    input: Tensor,  # noqa: A002
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """`torch.nn.functional.max_pool2d`: (N, C, H, W) -> (N, C, h, w), bit for bit; windows beyond the map see minus
    infinity there."""
    windows = _Sliding.of(input, kernel_size, stride, padding, dilation, ceil_mode)
    pool: Callable[..., Any] = functional.max_pool2d
    if windows is None or return_indices or not any(windows.beyond):
        return pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)  # type: ignore[no-any-return]
    padded = functional.pad(input, windows.around(), value=-math.inf)
    return pool(padded, windows.window, windows.steps, 0, dilation)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Sliding:
    """Windows that slide over a map; all along (rows, columns).

    Attributes:
        window, steps, pads: of the pooling.
        size: of the map.
        beyond: how far the last window reaches behind the padded map.
        counts: windows.
    """

    window: tuple[int, int]
    steps: tuple[int, int]
    pads: tuple[int, int]
    size: tuple[int, int]
    beyond: tuple[int, int]
    counts: tuple[int, int]

    @classmethod
    def of(
        cls, values: Tensor, window: Pair, stride: Pair | None, padding: Pair, dilation: Pair, ceil: bool
    ) -> _Sliding | None:
        """Count them as torch does (aten/src/ATen/native/Pool.h); None for other ranks than four."""
        if values.ndim != 4:
            return None
        lengths, pads = pair(window), pair(padding)
        steps = pair(stride) if stride else lengths
        size = sizes_of(values)[2:]
        beyond, counts = [], []
        for given, length, step, pad, apart in zip(size, lengths, steps, pads, pair(dilation), strict=True):
            reach = apart * (length - 1) + 1
            free = given + 2 * pad - reach
            count = (-(free // -step) if ceil else free // step) + 1
            count -= ceil and (count - 1) * step >= given + pad  # a window that begins behind the map is dropped
            counts.append(int(count))
            beyond.append(max((int(count) - 1) * step - free, 0))
        return cls(lengths, steps, pads, (size[0], size[1]), (beyond[0], beyond[1]), (counts[0], counts[1]))

    def around(self) -> list[int]:
        """What `torch.nn.functional.pad` has to add: left, right, top, bottom."""
        (top, left), (below, right) = self.pads, self.beyond
        return [left, left + right, top, top + below]

    def average(self, values: Tensor, divisor: int | None, *, with_padding: bool) -> Tensor:
        """The mean over whole windows of the padded map, times what makes it the mean that is asked for."""
        means = functional.avg_pool2d(functional.pad(values, self.around()), self.window, self.steps)
        if divisor is not None:
            return means * (self.window[0] * self.window[1] / divisor)
        rows, columns = (self._shares(axis, with_padding) for axis in (0, 1))
        return means * (rows[:, None] * columns)

    def _shares(self, axis: int, with_padding: bool) -> Tensor:
        """Along one axis, each window's length by how many of its places count; float32 (windows,)."""
        length, pad, size = self.window[axis], self.pads[axis], self.size[axis]
        starts = [place * self.steps[axis] - pad for place in range(self.counts[axis])]
        edge = pad if with_padding else 0
        counted = [min(start + length, size + edge) - max(start, -edge) for start in starts]
        return torch.tensor([length / count for count in counted])


def uneven_maximum(
    input: Tensor,  # noqa: A002
    output_size: Size,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """`adaptive_maximum`, which leaves cells that are alike to torch's own operation."""
    cells = _cells(input, output_size)
    if cells is None or return_indices or _alike(input, cells):
        return functional.adaptive_max_pool2d(input, output_size, return_indices)  # type: ignore[call-overload,no-any-return]
    return adaptive_maximum(input, output_size)


def _cells(values: Tensor, wanted: Size, axes: int = 2) -> tuple[int, ...] | None:
    """How many cells there are along each axis behind the channels; None for ranks that are not written out here."""
    if values.ndim != axes + 2:
        return None
    given = (wanted,) * axes if wanted is None or isinstance(wanted, int) else tuple(wanted)
    return tuple(size if cell is None else int(cell) for cell, size in zip(given, sizes_of(values)[2:], strict=True))


def _alike(values: Tensor, cells: Sequence[int]) -> bool:
    return all(size % cell == 0 for cell, size in zip(cells, sizes_of(values)[2:], strict=True))


def _by_cells(values: Tensor, cells: Sequence[int], reduced: Callable[[Tensor, int], Tensor]) -> Tensor:
    for axis, count in enumerate(cells, start=2):
        size = sizes_of(values)[axis]
        if size == count:
            continue
        parts = [values.narrow(axis, start, stop - start) for start, stop in _spans(size, count)]
        values = torch.cat([part if part.shape[axis] == 1 else reduced(part, axis) for part in parts], axis)
    return values


def _spans(size: int, cells: int) -> list[tuple[int, int]]:
    """Along one axis: cell i spans places floor(i n / cells) to ceil((i + 1) n / cells), as torch has it."""
    return [(cell * size // cells, -((cell + 1) * size // -cells)) for cell in range(cells)]


def sizes_of(values: Tensor) -> tuple[int, ...]:
    """The shape as plain numbers, which tracers would otherwise compute from the picture."""
    return tuple(int(size) for size in values.shape)


def pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])


def is_even(input: Tensor, output_size: Size, return_indices: bool = False) -> bool:  # noqa: A002
    """True for an adaptive pooling whose cells are alike, or which is not written out."""
    cells = _cells(input, output_size)
    return cells is None or return_indices or _alike(input, cells)


def is_even_1d(input: Tensor, output_size: Size) -> bool:  # noqa: A002
    """The same for one axis."""
    cells = _cells(input, output_size, axes=1)
    return cells is None or _alike(input, cells)
