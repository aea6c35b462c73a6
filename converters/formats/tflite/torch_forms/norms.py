"""Norms and pooling in forms that litert-torch 0.10 keeps in the file's own channel order. Imports torch.

Its own forms of them are written for channels first, so a transposition stands before and behind each; a layer norm
reshapes its means three times; an adaptive pooling whose cells differ in size becomes a GATHER_ND and an addition for
each place of a cell.

    instance norm  transpose -> [mean, difference, ...] -> reshape -> [...] -> transpose   ->   d = x - mean;  d * rsqrt(mean(d d) + eps)
    layer norm     x rsqrt(...) - mean rsqrt(...), each factor reshaped                    ->   the same, over the last axis
    group norm     transpose -> reshape -> [...] -> two broadcasts -> reshape -> transpose ->   the same; only the C means are grouped
    pooling        gather -> transpose -> select -> (h w - 1) x (slice, add)               ->   rows: slice, mean;  then columns: slice, mean
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from converters.torch_sources import pooling

Tensor = torch.Tensor
PLANE = (2, 3)


def instance_norm(
    input: Tensor,  # noqa: A002 - torch's own name
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.instance_norm`: float32 (N, C, H, W) -> the same shape; other ranks and kept statistics
    pass."""
    if input.ndim != 4 or not use_input_stats:
        return functional.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    apart = input - input.mean(PLANE, keepdim=True)
    return _finished(apart, (apart * apart).mean(PLANE, keepdim=True), weight, bias, eps)


def aten_instance_norm(
    input: Tensor,  # noqa: A002
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """The same with the arguments of exported programs."""
    return instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def group_norm(
    input: Tensor,  # noqa: A002
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`torch.nn.functional.group_norm`: float32 (N, C, H, W) -> the same shape; other ranks pass.

    Channels have equally many places, so a group's mean is the mean of its channels' means.
    """
    if input.ndim != 4:
        return functional.group_norm(input, num_groups, weight, bias, eps)

    def grouped(means: Tensor) -> Tensor:
        shape = (input.shape[0], num_groups, input.shape[1] // num_groups)
        return means.reshape(shape).mean(2, keepdim=True).expand(shape).reshape(means.shape)

    apart = input - grouped(input.mean(PLANE, keepdim=True))
    return _finished(apart, grouped((apart * apart).mean(PLANE, keepdim=True)), weight, bias, eps)


def _finished(apart: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    answer = apart * torch.rsqrt(variance + eps)
    if weight is not None:
        answer = answer * weight[None, :, None, None]
    return answer if bias is None else answer + bias[None, :, None, None]


def layer_norm(
    input: Tensor,  # noqa: A002
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """`torch.nn.functional.layer_norm` over the last axis: float32 (..., C) -> the same shape; over more axes it
    passes."""
    if len(normalized_shape) != 1:
        return functional.layer_norm(input, normalized_shape, weight, bias, eps)
    apart = input - input.mean(-1, keepdim=True)
    answer = apart * torch.rsqrt((apart * apart).mean(-1, keepdim=True) + eps)
    if weight is not None:
        answer = answer * weight
    return answer if bias is None else answer + bias


def adaptive_average(
    input: Tensor,  # noqa: A002
    output_size: pooling.Size,
) -> Tensor:
    """`torch.nn.functional.adaptive_avg_pool2d`: float32 (N, C, H, W) -> (N, C, h, w); one cell is a plain mean."""
    wanted = output_size if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if input.ndim == 4 and wanted in (1, (1, 1)):
        return input.mean(PLANE, keepdim=True)
    return pooling.adaptive_average(input, output_size)
