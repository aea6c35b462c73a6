"""Resize in forms that every converter takes, computing the same. Imports torch.

An antialiased resize weighs more pixels the smaller the answer is. Sizes are fixed here, so along each axis it is one
matrix:

    interpolate(x, antialias=True)    ->    rows @ x @ columns

and a nearest one by no whole factor fetches rows, then columns, whose numbers are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Scale = float | Sequence[float] | None
_CUBIC = -0.5
"""Of Keys' cubic convolution; torch takes it for antialiased resizes, as Pillow does, and -0.75 for others."""


def interpolate(
    input: Tensor,  # noqa: A002 - torch's own name
    size: int | Sequence[int] | None = None,
    scale_factor: Scale = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`torch.nn.functional.interpolate`: float32 (N, C, H, W) -> (N, C, h, w); what is not antialiased passes."""
    if not is_antialiased(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias):
        return functional.interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    for axis in (0, 1):
        given = int(input.shape[2 + axis])
        length, step = _length_and_step(given, axis, size, scale_factor)
        step = given / length if recompute_scale_factor else step
        weights = torch.from_numpy(antialiasing_weights(given, length, step, cubic=mode == "bicubic"))
        input = torch.matmul(weights, input) if axis == 0 else torch.matmul(input, weights.T.contiguous())  # noqa: A001
    return input


def is_antialiased(
    input: Tensor,  # noqa: A002
    size: int | Sequence[int] | None = None,
    scale_factor: Scale = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> bool:
    """Say whether `interpolate` with these arguments is written out as matrices."""
    return antialias and input.ndim == 4 and mode in ("bilinear", "bicubic") and not align_corners


def nearest(
    input: Tensor,  # noqa: A002
    size: int | Sequence[int] | None = None,
    scale_factor: Scale = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`interpolate`, with nearest resizes of maps by no whole factor as fetched rows and columns, bit for bit."""
    lengths = [
        _length_and_step(int(input.shape[2 + axis]), axis, size, scale_factor)
        for axis in (0, 1)
        if mode == "nearest" and input.ndim == 4 and not recompute_scale_factor
    ]
    whole = all(length % int(given) == 0 for (length, _), given in zip(lengths, input.shape[2:], strict=False))
    if not lengths or whole:
        return interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    for axis, (length, step) in enumerate(lengths, start=2):
        given = int(input.shape[axis])
        if step == given // length and given % length == 0:
            input = input[:, :, :: given // length] if axis == 2 else input[..., :: given // length]  # noqa: A001
            continue
        places = np.floor(np.arange(length, dtype=np.float32) * np.float32(step)).astype(np.int64)
        fetched = torch.from_numpy(np.minimum(places, int(input.shape[axis]) - 1))
        input = input.index_select(axis, fetched)  # noqa: A001
    return input


def aten_antialiased(mode: str) -> Callable[..., Tensor]:
    """What exported programs call for an antialiased resize, with its arguments."""

    def resize(
        input: Tensor,  # noqa: A002
        output_size: Sequence[int] | None,
        align_corners: bool,
        *scales: Any,
    ) -> Tensor:
        factors = scales[0] if scales and isinstance(scales[0], list | tuple) else (scales or None)
        usable = None if factors is None or None in factors else [float(factor) for factor in factors]
        length = None if usable else output_size
        return interpolate(input, length, usable, mode, align_corners or None, antialias=True)

    return resize


def _length_and_step(given: int, axis: int, size: int | Sequence[int] | None, scale: Scale) -> tuple[int, float]:
    """How many places there are along an axis, and how far apart they are in the picture."""
    if size is not None:
        length = int(size if isinstance(size, int) else size[axis])
        return length, given / length
    assert scale is not None, "torch asks for one of them"
    factor = float(scale if isinstance(scale, int | float) else scale[axis])
    return int(np.floor(given * factor)), 1.0 / factor


def antialiasing_weights(given: int, length: int, step: float, *, cubic: bool) -> NDArray[np.float32]:
    """The share of each of `given` pixels in each of `length` answers, float32 (length, given).

    As torch computes them (aten/src/ATen/native/cpu/UpSampleKernel.cpp): a triangle or a cubic, stretched where the
    picture shrinks.
    """
    stretch = max(step, 1.0)
    support = (2.0 if cubic else 1.0) * stretch
    weights = np.zeros((length, given))
    for place in range(length):
        centre = step * (place + 0.5)
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), given)
        apart = np.abs(np.arange(first, last) - centre + 0.5) / stretch
        shares = _cubic(apart) if cubic else np.maximum(1.0 - apart, 0.0)
        weights[place, first:last] = shares / shares.sum()
    return weights.astype(np.float32)


def _cubic(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    near = ((_CUBIC + 2) * apart - (_CUBIC + 3)) * apart * apart + 1
    far = (((apart - 5) * apart + 8) * apart - 4) * _CUBIC
    return np.where(apart < 1, near, np.where(apart < 2, far, 0.0))
