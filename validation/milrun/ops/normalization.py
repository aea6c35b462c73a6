"""Normalization layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.registry import op


@op("batch_norm")
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Normalize every channel (axis 1) with stored statistics."""
    return F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, epsilon)


@op("instance_norm")
def instance_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5) -> Tensor:
    """Normalize every picture and channel over the spatial dimensions (population variance)."""
    axes = tuple(range(2, x.dim()))
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    shape = [1, -1] + [1] * (x.dim() - 2)
    result = (x - mean) * torch.rsqrt(variance + epsilon)
    if gamma is not None:
        result = result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


@op("layer_norm")
def layer_norm(
    x: Tensor,
    axes: list[int] | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Over `axes` (all if None); gamma and beta have the sizes of those axes, in ascending order."""
    over = sorted(axis % x.dim() for axis in axes) if axes is not None else list(range(x.dim()))
    if over == list(range(x.dim() - len(over), x.dim())):
        return F.layer_norm(x, x.shape[x.dim() - len(over) :], gamma, beta, epsilon)
    variance, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    shape = [size if axis in over else 1 for axis, size in enumerate(x.shape)]
    result = (x - mean) * torch.rsqrt(variance + epsilon)
    if gamma is not None:
        result = result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


@op("l2_norm")
def l2_norm(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Compute x / sqrt(sum(x²) + epsilon) over the last three dimensions."""
    axes = tuple(range(max(0, x.dim() - 3), x.dim()))
    return x * torch.rsqrt(x.square().sum(axes, keepdim=True) + epsilon)


@op("local_response_norm")
def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Compute x / (k + alpha / size * sum of squares over `size` neighbouring channels) ** beta."""
    return F.local_response_norm(x, size, alpha, beta, k)
