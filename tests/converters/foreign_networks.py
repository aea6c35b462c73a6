"""Small networks with what other people's have and ours have not; each once made a recipe fail. No two sizes are equal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from converters import ModelSource
from converters.adapter import Adapted, AnswerForm, PictureForm
from tests.converters.making import bare_source

SIZE = (16, 24)


class Token(nn.Module):
    """A stored token is put before the pixels, as vision transformers do, and taken off again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.mix = nn.Linear(8, 8)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.stem(image)
        tokens = torch.cat([self.token, x.flatten(2).transpose(1, 2)], dim=1)
        tokens = self.mix(tokens)[:, 1:]
        logits: torch.Tensor = self.head(tokens.transpose(1, 2).reshape(x.shape))
        return logits


class Scaled(nn.Module):
    """Channels last, a linear layer, and a scale for each channel behind it, as ConvNeXt and BEiT have."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.linear = nn.Linear(8, 8)
        self.scale = nn.Parameter(torch.rand(8) + 0.5)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.stem(image)
        scaled = self.scale * self.linear(x.permute(0, 2, 3, 1))
        logits: torch.Tensor = self.head(x + scaled.permute(0, 3, 1, 2))
        return logits


def _scaled() -> ModelSource:
    return bare_source(Scaled().eval(), SIZE, (4, 6), 4)


def _token() -> ModelSource:
    return bare_source(Token().eval(), SIZE, (4, 6), 4)


def _binary() -> ModelSource:
    """One logit, which becomes two."""
    network = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.PReLU(), nn.Conv2d(6, 1, 1))
    return bare_source(Adapted(network, PictureForm(), AnswerForm(binary=True)).eval(), SIZE, SIZE, 2)


NETWORKS: dict[str, Callable[[], ModelSource]] = {"token": _token, "binary": _binary, "scaled": _scaled}


def foreign(name: str) -> ModelSource:
    """One of NETWORKS, seeded."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NETWORKS[name]()
