"""`expand_as` in the form that litert-torch 0.10 converts rightly in every channel order. Imports torch.

Its lowering keeps the expansion channels first while the factor beside it is channels last, and then their shapes do
not fit:

    x.expand_as(y)   ->   x * ones like y      the ones fold away, and what is left is the factor's own broadcast
"""

from __future__ import annotations

import torch


def expanded_as(input: torch.Tensor, other: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name
    """`torch.Tensor.expand_as`: floats (...) -> floats in the shape of `other`, bit for bit; integers pass."""
    if not input.is_floating_point():
        return input.expand(other.shape)
    return input * torch.ones(other.shape, dtype=input.dtype)
