"""Small networks with what other people's have and ours have not; each once made a recipe fail. No two sizes are
equal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from converters import ModelSource
from converters.torch_sources.adapter import Adapted, AnswerForm, PictureForm
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


class Positions(nn.Module):
    """Attention with a bias for each pair of places, out of a table that is written while the network computes, as in
    BEiT."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.table = nn.Parameter(torch.randn(7))
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.stem(image)
        places = x.shape[2] * x.shape[3]
        numbers = torch.zeros((places, places), dtype=torch.int64)
        numbers[1:, 1:] = (torch.arange(places - 1)[:, None] - torch.arange(places - 1)).clamp(-2, 2) + 2
        numbers[0, 0:] = places - 19
        numbers[0, 0] = places - 18
        tokens = x.flatten(2)
        mixed = tokens @ (tokens.transpose(1, 2) @ tokens / 8 + self.table[numbers]).softmax(-1)
        logits: torch.Tensor = self.head(x + mixed.reshape(x.shape))
        return logits


class Untrained(nn.Module):
    """Norms and layers with biases of zeros in equal number, which coremltools stores once for both."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 128, 4, stride=4)
        self.norm = nn.LayerNorm(128)
        self.linear = nn.Linear(128, 128)
        self.head = nn.Conv2d(128, 4, 1)
        for layer in (self.stem, self.linear, self.head):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.linear(self.norm(self.stem(image).permute(0, 2, 3, 1)))
        logits: torch.Tensor = self.head(x.permute(0, 3, 1, 2))
        return logits


def _pyramid() -> ModelSource:
    """Maps made larger by transposed convolutions that cut nothing off, with a trained norm between, as in BEiT's
    pyramid."""
    norm = nn.BatchNorm2d(6)
    for values in (norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(values, 0.5, 1.0)  # type: ignore[arg-type]  # it has them
    network = nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=4),
        nn.ConvTranspose2d(8, 6, 2, stride=2),
        norm,
        nn.GELU(),
        nn.ConvTranspose2d(6, 4, 2, stride=2),
    )
    return bare_source(network.eval(), SIZE, SIZE, 4)


def _sixteenth(network: nn.Module) -> ModelSource:
    return bare_source(network.eval(), SIZE, (4, 6), 4)


def _binary() -> ModelSource:
    """One logit, which becomes two."""
    network = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.PReLU(), nn.Conv2d(6, 1, 1))
    return bare_source(Adapted(network, PictureForm(), AnswerForm(binary=True)).eval(), SIZE, SIZE, 2)


NETWORKS: dict[str, Callable[[], ModelSource]] = {
    "token": lambda: _sixteenth(Token()),
    "binary": _binary,
    "scaled": lambda: _sixteenth(Scaled()),
    "positions": lambda: _sixteenth(Positions()),
    "pyramid": _pyramid,
    "untrained": lambda: _sixteenth(Untrained()),
}


def foreign(name: str) -> ModelSource:
    """One of NETWORKS, seeded."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NETWORKS[name]()
