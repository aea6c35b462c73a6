"""Networks as people really have them: every way of taking a picture and of answering that segport adapts to.

They are named on the command line as `tests.toolkit.awkward_networks:NAME`. Each computes the same thing as `plain`.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
SIZE = (32, 48)


class Core(nn.Module):
    """Normalised picture (1, 3, H, W) -> logits (1, classes, H/2, W/2)."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.last = nn.Conv2d(8, classes, 1)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(F.hardswish(self.first(image)))
        return logits


class Answering(nn.Module):
    """The core with its answer in another form."""

    def __init__(self, form: str, classes: int = 4) -> None:
        super().__init__()
        self.core = Core(classes)
        self.form = form

    def forward(self, image: torch.Tensor) -> object:
        logits = self.core(image)
        forms = {
            "tuple": (logits, logits[:, :2]),
            "mapping": {"aux": logits[:, :2], "out": logits},
            "unusual": {"first": logits[:, :2], "second": logits},
            "attribute": SimpleNamespace(logits=logits, hidden=None),
            "flat": logits.flatten(1),
        }
        return forms[self.form]


class ChannelsLastBgr(nn.Module):
    """Takes normalised BGR (1, H, W, 3) and answers (1, h, w, C), as networks ported from TensorFlow do."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[-1] == 3
        logits: torch.Tensor = self.core(image.permute(0, 3, 1, 2).flip(1)).permute(0, 2, 3, 1)
        return logits


class AlwaysDropping(nn.Module):
    """Dropout that ignores eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.dropout(self.core(image), 0.5, training=True)


class Failing(nn.Module):
    """Its second layer does not fit its first."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.head = nn.Conv2d(9, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.stem(image))
        return logits


def plain() -> nn.Module:
    """No adaptation needed."""
    return Core()


def as_tuple() -> nn.Module:
    """Logits first, an auxiliary head behind."""
    return Answering("tuple")


def mapping() -> nn.Module:
    """torchvision's way."""
    return Answering("mapping")


def unusual() -> nn.Module:
    """Two maps, neither with a usual name."""
    return Answering("unusual")


def attribute() -> nn.Module:
    """transformers' way."""
    return Answering("attribute")


def flat() -> nn.Module:
    """No map at all."""
    return Answering("flat")


def binary() -> nn.Module:
    """One channel."""
    return Core(classes=1)


def channels_last_bgr() -> nn.Module:
    """NHWC and BGR."""
    return ChannelsLastBgr()


def dropping() -> nn.Module:
    """Random."""
    return AlwaysDropping()


def failing() -> nn.Module:
    """Cannot run."""
    return Failing()


def half() -> nn.Module:
    """float64, whatever is asked."""
    return nn.Sequential(Core(), Doubled())


def crowded() -> nn.Module:
    """More classes than bytes."""
    return Core(classes=300)


class Doubled(nn.Module):
    """float32 -> float64."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.double()


def two() -> nn.Module:
    """Two classes."""
    return Core(classes=2)


def three() -> nn.Module:
    """Three classes."""
    return Core(classes=3)


class NotNumbers(nn.Module):
    """Divides by a feature that is 0 wherever the picture is dark: infinity and NaN among its activations."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nothing = torch.relu(x[:, :1] - 2)  # pixels are at most 1
        return self.core(x / nothing)


def not_numbers() -> nn.Module:
    """Activations that are no numbers."""
    return NotNumbers()
