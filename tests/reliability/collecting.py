"""A network that collects what passes through it, as transformers' do: a hook asks a global around a context variable where to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import torch
from torch import nn


class Collector:
    """A context variable with something around it."""

    def __init__(self) -> None:
        self.variable: ContextVar[list[Any] | None] = ContextVar("collector", default=None)


COLLECTOR = Collector()


class Collecting(nn.Module):
    """Answers with the sum of what its hook has seen: float32 (n,) -> (n,)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()

        def collect(module: nn.Module, given: Any, answer: Any) -> None:
            seen = COLLECTOR.variable.get()
            if seen is not None:
                seen.append(answer)

        self.layer.register_forward_hook(collect)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen: list[Any] = []
        token = COLLECTOR.variable.set(seen)
        self.layer(image)
        COLLECTOR.variable.reset(token)
        return torch.stack(seen).sum(0)


def answered(network: nn.Module, values: list[float]) -> list[float]:
    """What a network that was sent makes of `values`."""
    found: list[float] = network(torch.tensor(values)).tolist()
    return found
