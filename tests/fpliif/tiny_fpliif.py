"""Small networks with weights that hide nothing: every norm has its own statistics, every bias its own value."""

from __future__ import annotations

import torch

from fpliif.config import FPLIIFConfig
from fpliif.network import FPLIIF


def tiny_config(norm: str = "batch", **changes: object) -> FPLIIFConfig:
    shape = {
        "classes": 5,
        "widths": (8, 12, 16),
        "blocks": (1, 1, 2),
        "norm": norm,
        "reduce_width": 16,
        "feature_width": 12,
        "pixel_width": 24,
    }
    return FPLIIFConfig(**{**shape, **changes})  # type: ignore[arg-type]


def scrambled(config: FPLIIFConfig, seed: int = 0) -> FPLIIF:
    """A network in eval mode whose parameters and running statistics are all random and unequal."""
    network = FPLIIF(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return network.eval()
