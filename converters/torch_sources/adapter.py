"""What is put around somebody's network so that every converter meets the same one. Imports torch.

Outside, always: RGB pixels float32 (1, 3, H, W) -> logits float32 (1, C, h, w). Inside, whatever the network was
    trained to:

    RGB --(BGR, grey or opaque alpha?)--(- mean, * 1/std?)--(NHWC?)--> network --(pick tensor)--(NCHW?)--(one channel
    -> two?)--(resize?)--> logits
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import nn
from torch.nn import functional

from converters.errors import SourceError
from converters.torch_sources.answers import Key, picked

RESIZES: dict[str, dict[str, Any]] = {
    "bilinear": {"mode": "bilinear", "align_corners": False},
    "bilinear-corners": {"mode": "bilinear", "align_corners": True},
    "nearest": {"mode": "nearest"},
}
ORDERS = {"rgb": 3, "bgr": 3, "grey": 1, "rgba": 4, "bgra": 4}
"""What a network may take of a picture, and how many channels that is."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey: ITU-R BT.601, as in Pillow's and OpenCV's conversions."""


@dataclass(frozen=True)
class PictureForm:
    """How a network wants its picture.

    Attributes:
        mean, std: subtracted from and divided into each channel, in units of the pixel range; None for neither. They
        are
            in the network's own channel order, one for each channel or one for all.
        order: a key of ORDERS: which channels it takes, in which order.
        channels_last: True if it takes (1, H, W, C).
        white: value of a full channel, which an opaque alpha channel has.
        given: channels of the picture that the artifact takes. Of others than three the network takes all, as they are.

    Raises:
        SourceError: as many means or deviations as fit no channels, a deviation that is not above 0, or an order of
            other channels than red, green and blue.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    order: str = "rgb"
    channels_last: bool = False
    white: float = 1.0
    given: int = 3

    def __post_init__(self) -> None:
        if self.given != len(LUMA) and self.order != "rgb":
            raise SourceError(
                f"channel order {self.order!r} is for pictures of red, green and blue, not of {self.given} channels; "
                "leave it out"
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) not in (1, self.channels):
                raise SourceError(
                    f"{name} has {len(values)} numbers but the network takes {self.channels} channels; "
                    "give one for each, or one for all"
                )
        if self.std is not None and min(self.std) <= 0:
            raise SourceError(f"std must be above 0, not {self.std}; give the standard deviations of training")

    @property
    def channels(self) -> int:
        """How many channels the network takes."""
        return ORDERS[self.order] if self.given == len(LUMA) else self.given

    def shape_at(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Shape of the picture that the network takes at (height, width)."""
        return (1, *size, self.channels) if self.channels_last else (1, self.channels, *size)

    def sizes_in(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(height, width) in such a shape."""
        return (shape[1], shape[2]) if self.channels_last else (shape[2], shape[3])


@dataclass(frozen=True)
class AnswerForm:
    """What a network answers with.

    Attributes:
        key: attribute or mapping key of the logits; position in a tuple; several of these in turn; None if the answer
            is the logits.
        channels_last: True if logits are (1, h, w, C).
        binary: True for one channel, the logit of the second of two classes.
        size: (height, width) to resize logits to; None leaves them.
        resize: a key of RESIZES.
        probability: True if the one channel is a probability and no logit.
    """

    key: Key = None
    channels_last: bool = False
    binary: bool = False
    size: tuple[int, int] | None = None
    resize: str = "bilinear"
    probability: bool = field(default=False, repr=False)


class Adapted(nn.Module):
    """`network` between its picture's form and its answer's: float32 (1, 3, H, W) RGB -> float32 logits (1, C, h, w).

    A binary head's logit x becomes the pair (-x/2, x/2): the softmax of both is the sigmoid of x. A probability p
    becomes (1 - p, p).
    """

    def __init__(self, network: nn.Module, picture: PictureForm, answer: AnswerForm) -> None:
        super().__init__()
        self.network = network
        self.picture = picture
        self.answer = answer
        for name, values, neutral in (("mean", picture.mean, 0.0), ("std", picture.std, 1.0)):
            constant = torch.tensor(values or (neutral,), dtype=torch.float32).reshape(1, -1, 1, 1)
            self.register_buffer(name, constant if name == "mean" else 1.0 / constant, persistent=False)
        pair = [-1.0, 1.0] if answer.probability else [-0.5, 0.5]
        self.register_buffer("pair", torch.tensor(pair).reshape(1, 2, 1, 1), persistent=False)
        if answer.probability:
            self.register_buffer("rest", torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.to_logits(self.network(self.to_picture(image)))

    def to_picture(self, image: torch.Tensor) -> torch.Tensor:
        """RGB (1, 3, H, W) -> what the network takes."""
        order = self.picture.order
        if order == "grey":
            red, green, blue = LUMA
            image = red * image[:, 0:1] + green * image[:, 1:2] + blue * image[:, 2:3]
        if order in ("bgr", "bgra"):
            image = torch.cat([image[:, 2:3], image[:, 1:2], image[:, 0:1]], dim=1)
        if order in ("rgba", "bgra"):
            image = torch.cat([image, torch.full_like(image[:, 0:1], self.picture.white)], dim=1)
        if self.picture.mean is not None:
            image = image - self.get_buffer("mean")
        if self.picture.std is not None:
            image = image * self.get_buffer("std")
        return image.permute(0, 2, 3, 1) if self.picture.channels_last else image

    def to_logits(self, answer: Any) -> torch.Tensor:
        """What the network answers -> logits (1, C, h, w)."""
        logits = picked(answer, self.answer.key)
        if self.answer.channels_last:
            logits = logits.permute(0, 3, 1, 2)
        if self.answer.binary:
            logits = logits * self.get_buffer("pair")  # one scale, and no constant among what is concatenated
            if self.answer.probability:
                logits = logits + self.get_buffer("rest")
        if self.answer.size is not None:
            logits = functional.interpolate(logits, size=self.answer.size, **RESIZES[self.answer.resize])
        return logits


class FixedMode(nn.Module):
    """A graph that keeps the mode it was saved in, and refuses eval() where nn.Module passes it on to every part."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program
        self.training = False  # what `train` would have set; the program's own mode was looked at when it was read

    def train(self, mode: bool = True) -> Self:
        return self

    def forward(self, image: torch.Tensor) -> Any:
        return self.program(image)
