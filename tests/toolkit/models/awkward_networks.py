"""Networks as people really have them: every way of taking a picture and of answering that segport adapts to.

They are named on the command line as `tests.toolkit.models.awkward_networks:NAME`. Each computes the same thing as
`plain`.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
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


class Channels(nn.Module):
    """One convolution over any number of channels, then the logits."""

    def __init__(self, channels: int, classes: int = 3) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.only = nn.Conv2d(channels, classes, 3, padding=1)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.only(image)
        return logits


def one_channel() -> nn.Module:
    """Takes grey."""
    return Channels(1)


def four_channels() -> nn.Module:
    """Takes RGB and alpha."""
    return Channels(4)


def bytes_of_classes() -> nn.Module:
    """As many classes as a byte has values."""
    return Channels(3, 256)


class Doing(nn.Module):
    """A network around one part that does something no fixed graph can."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.core = Core(classes=3)
        self.odd = part

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.odd(self.core(image))
        return logits


class Deciding(nn.Module):
    """A branch by pixels."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return F.relu(logits) if logits.mean() > 0 else -logits


class CheckingOnlyEagerly(nn.Module):
    """A decision that is none while exporting, as transformers' checks of arguments are."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling() and logits.isnan().any():
            raise ValueError("not a number")
        return logits


class Training(nn.Module):
    """Batch statistics whatever eval() says."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(logits, None, None, training=True)


class Random(nn.Module):
    """Noise."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return logits + torch.rand_like(logits)


class NotANumber(nn.Module):
    """The root of less than nothing."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(-1 - logits.abs())


class Fourier(nn.Module):
    """An operation that no target has."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft2(logits).real


class Normalising(nn.Module):
    """Batch normalisation, in whichever mode it is exported."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        normal: torch.Tensor = self.norm(logits)
        return normal


class Uneven(nn.Module):
    """Finite on grey, not on pictures: a root of what is above the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(3, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(torch.sqrt(image - 0.5))
        return logits


def deciding() -> nn.Module:
    """Data-dependent control flow."""
    return Doing(Deciding())


def checking() -> nn.Module:
    """Control flow that only eager mode has."""
    return Doing(CheckingOnlyEagerly())


def training() -> nn.Module:
    """Training mode."""
    return Doing(Training())


def noisy() -> nn.Module:
    """Randomness."""
    return Doing(Random())


def not_a_number() -> nn.Module:
    """NaN everywhere."""
    return Doing(NotANumber())


def uneven() -> nn.Module:
    """NaN on pictures."""
    return Uneven()


def fourier() -> nn.Module:
    """An unsupported operation."""
    return Doing(Fourier())


def five_channels() -> nn.Module:
    """Takes five bands."""
    return Channels(5)


class ReadingOff(nn.Module):
    """Adds a number that it reads off the picture in a way that tracing keeps."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.core, self.how = Core(classes=3), how
        self.register_buffer("weight", torch.tensor([5.0, 10.0, -5.0]).reshape(1, 3, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        ways = {
            "item": lambda: image.mean().item(),
            "tolist": lambda: image.mean((0, 1, 2, 3)).tolist(),
            "numpy": lambda: float(np.mean(image.detach().numpy())),
            "shared": lambda: torch.from_numpy(image.detach().numpy().mean((2, 3))).sum(),
            "data": lambda: image.data.mean((0, 1, 2, 3)),
            "sound": lambda: image.mean((0, 1, 2, 3)),
        }
        logits: torch.Tensor = self.core(image) + self.get_buffer("weight") * ways[self.how]()
        return logits


def reads_item() -> nn.Module:
    """A Python number."""
    return ReadingOff("item")


def reads_tolist() -> nn.Module:
    """A list."""
    return ReadingOff("tolist")


def reads_numpy() -> nn.Module:
    """NumPy's mean."""
    return ReadingOff("numpy")


def reads_shared() -> nn.Module:
    """A tensor made of NumPy's."""
    return ReadingOff("shared")


def reads_data() -> nn.Module:
    """Out of the graph."""
    return ReadingOff("data")


def reads_nothing() -> nn.Module:
    """The same by torch's operations."""
    return ReadingOff("sound")


def batch_of_two() -> nn.Module:
    """Two answers to one picture."""
    return Doing(Twice())


class Twice(nn.Module):
    """A batch of two of one."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return torch.cat([logits, logits])


def lazy() -> nn.Module:
    """Never ran."""
    return nn.Sequential(nn.LazyConv2d(3, 3, padding=1))


def sequential() -> nn.Module:
    """Modules called by numbers."""
    return nn.Sequential(nn.Conv2d(4, 3, 1))


def raising() -> nn.Module:
    """Does not come to making one."""
    raise LookupError("the folder of weights is empty")
