"""Convolution and transposed convolution."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.padding import amounts, is_symmetric, pad_spatial
from validation.milrun.registry import op

_CONV: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


@op("conv")
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: list[int] | None = None,
    pad_type: str = "valid",
    pad: list[int] | None = None,
    dilations: list[int] | None = None,
    groups: int = 1,
) -> Tensor:
    """Convolve x (n, C_in, *D) with weight (C_out, C_in / groups, *K), adding in float32."""
    spatial = x.dim() - 2
    strides, dilations = strides or [1] * spatial, dilations or [1] * spatial
    kernel = _dilated(weight, dilations)
    pads = amounts(pad_type, pad, x.shape[2:], kernel, strides)
    _check_output(x, weight.shape[0], pads, kernel, strides)
    if not is_symmetric(pads):
        x = pad_spatial(x, pads)
        pads = [(0, 0)] * spatial
    padding = [before for before, _ in pads]
    return _CONV[spatial](x, weight, bias, strides, padding, dilations, groups)


@op("conv_transpose")
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: list[int] | None = None,
    output_shape: list[int] | None = None,
    pad_type: str = "valid",
    strides: list[int] | None = None,
    dilations: list[int] | None = None,
    groups: int = 1,
) -> Tensor:
    """Convolve x (n, C_in, *D) transposed with weight (C_in, C_out / groups, *K), cropped to the padding or
    output_shape.
    """
    spatial = x.dim() - 2
    strides, dilations = strides or [1] * spatial, dilations or [1] * spatial
    kernel = _dilated(weight, dilations)
    full = [(size - 1) * stride + width for size, stride, width in zip(x.shape[2:], strides, kernel, strict=True)]
    check_size([x.shape[0], weight.shape[1] * groups, *full])
    crops = _transpose_crops(x, full, pad_type, pad, strides, output_shape)
    convolve = _CONV_TRANSPOSE[spatial]
    extra = [before - after for before, after in crops]
    if all(before >= 0 and 0 <= more < stride for (before, _), more, stride in zip(crops, extra, strides, strict=True)):
        padding = [before for before, _ in crops]
        return convolve(x, weight, bias, strides, padding, extra, groups, dilations)
    result = convolve(x, weight, None, strides, 0, 0, groups, dilations)
    result = pad_spatial(result, [(-before, -after) for before, after in crops])
    return result if bias is None else result + bias.reshape([-1] + [1] * spatial)


def _transpose_crops(
    x: Tensor, full: list[int], pad_type: str, pad: list[int] | None, strides: list[int], output_shape: list[int] | None
) -> list[tuple[int, int]]:
    """Return (before, after) to take off the full result; negative amounts are filled with zeros."""
    sizes = x.shape[2:]
    if output_shape is not None:
        wanted = output_shape[-len(full) :]
        if pad_type == "custom" and pad is not None:
            befores = pad[::2]
        else:
            befores = [max(0, size - want) // 2 for size, want in zip(full, wanted, strict=True)]
        return [(b, size - b - want) for b, size, want in zip(befores, full, wanted, strict=True)]
    if pad_type == "same":
        totals = [width - size * stride for width, size, stride in zip(full, sizes, strides, strict=True)]
        return [(max(0, total) // 2, total - max(0, total) // 2) for total in totals]
    return amounts(pad_type, pad, sizes, full, [1] * len(full))


def _dilated(weight: Tensor, dilations: list[int]) -> list[int]:
    return [(size - 1) * dilation + 1 for size, dilation in zip(weight.shape[2:], dilations, strict=True)]


def _check_output(x: Tensor, channels: int, pads: list[tuple[int, int]], kernel: list[int], strides: list[int]) -> None:
    """Refuse sizes that cannot be meant before torch allocates them."""
    sizes = [
        (size + sum(pad) - width) // stride + 1
        for size, pad, width, stride in zip(x.shape[2:], pads, kernel, strides, strict=True)
    ]
    check_size([x.shape[0], channels, *sizes])
