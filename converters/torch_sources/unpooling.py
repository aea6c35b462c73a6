"""Unpool in a form that every converter takes, computing the same. Imports torch.

Unpooling writes values to the places that a pooling found. No target scatters. Where windows do not overlap, each value
stays in its own window, and its place there is one of a few:

    pool      windows (h, w, places) -> argmax -> place
    unpool    place == 0, 1, 2, ... -> value or zero -> windows put together
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from converters.errors import ConversionError
from converters.torch_sources.pooling import Pair, pair, sizes_of

ATEN = torch.ops.aten
NO_FORM = (
    "operator 'max_unpool2d' can be converted only where its indices come from a pooling of the same windows, which"
    " neither overlap nor are padded, and where it answers at that pooling's input size; use MaxPool2d(2, 2,"
    " return_indices=True), MaxUnpool2d(2, 2) and output_size"
)


@dataclass(frozen=True)
class _Windows:
    """What a pooling found: the size of its windows and of its picture, and the place of each maximum in its window.

    Attributes:
        indices: what torch's own pooling hands out; kept, so that no other tensor gets its identity.
        places: int64 (N C, h, w).
    """

    window: tuple[int, int]
    size: tuple[int, int]
    places: Tensor
    indices: Tensor


class Unpooling:
    """Remembers the places that poolings found for the unpoolings that follow."""

    def __init__(self) -> None:
        self._found: dict[int, _Windows] = {}

    def forms(self) -> Mapping[Callable[..., Any], Callable[..., Any]]:
        """What networks, and programs of torch.export, call for both."""
        return {
            functional.max_pool2d_with_indices: self.pool,
            ATEN.max_pool2d_with_indices.default: self.pool,
            functional.max_unpool2d: self.unpool,
            ATEN.max_unpool2d.default: self.aten_unpool,
        }

    def pool(
        self,
        input: Tensor,  # noqa: A002
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        ceil_mode: bool = False,
        return_indices: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """`torch.nn.functional.max_pool2d_with_indices`: (N, C, H, W) -> values and indices (N, C, h, w).

        Windows that overlap, are padded or reach beyond the picture pass.
        """
        window = pair(kernel_size)
        apart = not stride or pair(stride) == window
        plain = apart and pair(padding) == (0, 0) and pair(dilation) == (1, 1)
        if (
            input.ndim != 4
            or not plain
            or (ceil_mode and any(n % k for n, k in zip(sizes_of(input)[2:], window, strict=True)))
        ):
            pool: Callable[..., tuple[Tensor, Tensor]] = functional.max_pool2d_with_indices
            return pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
        batch, channels, height, width = sizes_of(input)
        rows, columns = height // window[0], width // window[1]
        whole = input[:, :, : rows * window[0], : columns * window[1]]
        cut = whole.reshape(batch * channels, rows, window[0], columns, window[1]).permute(0, 1, 3, 2, 4)
        places = cut.reshape(batch * channels, rows, columns, window[0] * window[1]).argmax(-1)
        first = torch.arange(rows)[:, None] * window[0] * width + torch.arange(columns)[None] * window[1]
        inside = (places // window[1]) * width + places % window[1]
        values = functional.max_pool2d(input, window)
        indices = (first + inside).reshape(batch, channels, rows, columns)
        self._found[id(indices)] = _Windows(window, (height, width), places, indices)
        return values, indices

    def unpool(
        self,
        input: Tensor,  # noqa: A002
        indices: Tensor,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        output_size: Sequence[int] | None = None,
    ) -> Tensor:
        """`torch.nn.functional.max_unpool2d`: (N, C, h, w) -> (N, C, H, W).

        Raises:
            ConversionError: the indices are of no pooling seen before, or of one whose windows overlap or are padded.
        """
        found = self._found.get(id(indices))
        window, step = pair(kernel_size), pair(kernel_size if stride is None else stride)
        size = (
            [n * s for n, s in zip(sizes_of(input)[2:], step, strict=True)] if output_size is None else output_size[-2:]
        )
        if found is None or pair(padding) != (0, 0) or window != step or not self._fits(found, input, size):
            raise ConversionError(NO_FORM)
        return _unpooled(found, input, (int(size[0]), int(size[1])))

    def aten_unpool(self, input: Tensor, indices: Tensor, output_size: Sequence[int]) -> Tensor:  # noqa: A002
        """The same with the arguments of exported programs."""
        found = self._found.get(id(indices))
        if found is None or not self._fits(found, input, output_size):
            raise ConversionError(NO_FORM)
        return _unpooled(found, input, (int(output_size[0]), int(output_size[1])))

    def _fits(self, found: _Windows, values: Tensor, size: Sequence[int]) -> bool:
        """True if indices, which count along the pooled picture's rows, mean the same places in the unpooled one."""
        rows = sizes_of(values)[2] * found.window[0]
        return sizes_of(values) == sizes_of(found.indices) and int(size[1]) == found.size[1] and int(size[0]) >= rows


def _unpooled(found: _Windows, values: Tensor, size: tuple[int, int]) -> Tensor:
    batch, channels, rows, columns = sizes_of(values)
    down, across = found.window
    here = found.places[..., None] == torch.arange(down * across)
    spread = torch.where(here, values.reshape(batch * channels, rows, columns, 1), 0.0)
    windows = spread.reshape(batch * channels, rows, columns, down, across).permute(0, 1, 3, 2, 4)
    whole = windows.reshape(batch, channels, rows * down, columns * across)
    return functional.pad(whole, (0, size[1] - columns * across, 0, size[0] - rows * down))
