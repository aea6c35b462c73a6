"""Random tensors. A seed of -1 draws from torch's generator; any other seed gives the same values on every run.

The numbers are not those of Apple's generator, only their distribution is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op


def _generator(seed: int) -> torch.Generator | None:
    return None if seed == -1 else torch.Generator().manual_seed(seed)


def _uniform(shape: list[int], seed: int) -> Tensor:
    check_size(shape)
    return torch.rand(shape, generator=_generator(seed))


@op("random_bernoulli")
def random_bernoulli(shape: list[int], prob: float = 0.5, seed: int = -1) -> Tensor:
    """Draw 1 with probability `prob`, else 0."""
    return (_uniform(shape, seed) < prob).to(torch.float32)


@op("random_categorical")
def random_categorical(x: Tensor, mode: str = "logits", size: int = 1, seed: int = -1) -> Tensor:
    """Draw `size` class numbers per row, with the probabilities (or logits) in the last dimension."""
    check_size([*x.shape[:-1], size])
    weights = x.to(torch.float32)
    if mode == "logits":
        weights = torch.softmax(weights, dim=-1)
    elif mode != "probs":
        raise ValueError(f"mode {mode!r} is unknown; logits and probs are known")
    rows = weights.reshape(-1, weights.shape[-1])
    drawn = torch.multinomial(rows, size, replacement=True, generator=_generator(seed))
    return drawn.reshape(*x.shape[:-1], size).to(torch.float32)


@op("random_normal")
def random_normal(shape: list[int], mean: float = 0.0, stddev: float = 1.0, seed: int = -1) -> Tensor:
    """Normally distributed."""
    check_size(shape)
    return mean + stddev * torch.randn(shape, generator=_generator(seed))


@op("random_uniform")
def random_uniform(shape: list[int], low: float = 0.0, high: float = 1.0, seed: int = -1) -> Tensor:
    """Uniform in low..high."""
    return low + (high - low) * _uniform(shape, seed)
