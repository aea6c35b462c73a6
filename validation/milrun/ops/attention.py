"""Scaled dot-product attention."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from validation.milrun.file.size_limits import check_size
from validation.milrun.registry import op


@op("scaled_dot_product_attention", since=18)
def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """Compute softmax(Q Kᵀ / sqrt(E) + mask) V in float32; a boolean mask keeps what is true."""
    check_size([*query.shape[:-1], key.shape[-2]])
    return F.scaled_dot_product_attention(query, key, value, attn_mask)
