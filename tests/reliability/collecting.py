"""A network that lives in its process, as transformers' do: a register of what was made, and a hook around a context
variable."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

from converters import ModelSource

MADE: set[str] = set()
COLLECTOR: ContextVar[list[Any] | None] = ContextVar("collector", default=None)


class Collecting(nn.Module):
    """Answers with what its hook has seen, times a weight: float32 (n,) -> (n,)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.weight = nn.Parameter(torch.ones(1))
        self.register_buffer("offset", torch.zeros(1), persistent=False)
        MADE.add(type(self).__name__)

        variable = COLLECTOR

        def collect(module: nn.Module, given: Any, answer: Any) -> None:
            seen = variable.get()
            if seen is not None:
                seen.append(answer)

        self.layer.register_forward_hook(collect)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert type(self).__name__ in MADE
        seen: list[torch.Tensor] = []
        token = COLLECTOR.set(seen)
        self.layer(image)
        COLLECTOR.reset(token)
        return seen[0] * self.weight + self.get_buffer("offset")


def another() -> nn.Module:
    """Not the same every time."""
    network = Collecting()
    network.weight = nn.Parameter(torch.ones(len(MADE)))
    MADE.add(str(len(MADE)))
    return network


def answered(network: nn.Module, values: list[float]) -> list[float]:
    """What a network that was sent makes of `values`."""
    found: list[float] = network(torch.tensor(values)).tolist()
    return found


def shown(source: ModelSource, picture: torch.Tensor) -> torch.Tensor:
    """What the network of a source that was sent makes of `picture`."""
    assert source.module is not None
    with torch.no_grad():
        logits: torch.Tensor = source.module(picture)
    return logits
