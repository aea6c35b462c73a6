"""Activation functions."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from validation.milrun.registry import op


@op("relu", exact=True)
def relu(x: Tensor) -> Tensor:
    """Compute max(x, 0)."""
    return torch.relu(x)


@op("relu6", exact=True)
def relu6(x: Tensor) -> Tensor:
    """Compute min(max(x, 0), 6)."""
    return x.clamp(0, 6)


@op("clamped_relu")
def clamped_relu(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Compute min(x, beta) where x >= 0, min(alpha * x, beta) elsewhere."""
    return F.leaky_relu(x, alpha).clamp(max=beta)


@op("leaky_relu")
def leaky_relu(x: Tensor, alpha: float = 0.01) -> Tensor:
    """Compute alpha * x below zero."""
    return F.leaky_relu(x, alpha)


@op("prelu")
def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    """Compute alpha * x below zero, one alpha per channel (axis 1)."""
    return torch.where(x >= 0, x, x * _per_channel(alpha, x))


@op("elu")
def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Compute alpha * (exp(x) - 1) below zero."""
    return F.elu(x, alpha)


_GELU: dict[str, Literal["none", "tanh"]] = {"EXACT": "none", "TANH_APPROXIMATION": "tanh"}


@op("gelu")
def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    """Compute x * Phi(x), exactly or by one of two approximations."""
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return F.gelu(x, approximate=_GELU[mode])


@op("linear_activation")
def linear_activation(x: Tensor, alpha: float = 1.0, beta: float = 0.0) -> Tensor:
    """Compute alpha * x + beta."""
    return alpha * x + beta


@op("scaled_tanh")
def scaled_tanh(x: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """Compute alpha * tanh(beta * x)."""
    return alpha * torch.tanh(beta * x)


@op("sigmoid")
def sigmoid(x: Tensor) -> Tensor:
    """Compute 1 / (1 + exp(-x))."""
    return torch.sigmoid(x)


@op("sigmoid_hard")
def sigmoid_hard(x: Tensor, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """Compute min(max(alpha * x + beta, 0), 1)."""
    return (alpha * x + beta).clamp(0, 1)


@op("silu")
def silu(x: Tensor) -> Tensor:
    """Compute x * sigmoid(x)."""
    return F.silu(x)


@op("softplus")
def softplus(x: Tensor) -> Tensor:
    """Compute log(1 + exp(x))."""
    return torch.logaddexp(x, torch.zeros_like(x))


@op("softplus_parametric")
def softplus_parametric(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Compute alpha * log(1 + exp(beta * x)), one alpha and beta per channel (axis 1)."""
    scaled = x * _per_channel(beta, x)
    return _per_channel(alpha, x) * torch.logaddexp(scaled, torch.zeros_like(scaled))


@op("softmax")
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Compute exp(x) / sum(exp(x)) along `axis`."""
    return torch.softmax(x, axis)


@op("softsign")
def softsign(x: Tensor) -> Tensor:
    """Compute x / (1 + |x|)."""
    return F.softsign(x)


@op("thresholded_relu", exact=True)
def thresholded_relu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Compute x where x >= alpha, else 0."""
    return torch.where(x >= alpha, x, torch.zeros_like(x))


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape([-1] + [1] * (x.dim() - 2)) if values.dim() == 1 else values
