"""Asking a network: the pictures it is tried on, and its answer or the sentence that names where it failed.

Imports torch.
"""

from __future__ import annotations

import re
import traceback
from typing import Any

import torch

from converters import PixelRange, SourceError
from converters.errors import in_one_line
from converters.other_sizes import advice, mending_size
from toolkit.models.trial.watching import followed, with_module
from toolkit.options import RunOptions

_CHANNELS = re.compile(r"expected input(\[[\d, ]+\]) to have \d+ channels, but got \d+", re.I)
"""What torch says of a convolution that is given other channels than it takes; in brackets what it was given."""


def grey_picture(options: RunOptions) -> torch.Tensor:
    """(1, channels, H, W), the middle of the pixel range everywhere."""
    return torch.full((1, options.channels, *options.input_size), 0.5 * PixelRange(options.pixel_range).scale)


def noisy_picture(options: RunOptions) -> torch.Tensor:
    """Every pixel value there is, the same each time."""
    noise = torch.rand((1, options.channels, *options.input_size), generator=torch.Generator().manual_seed(0))
    return noise * PixelRange(options.pixel_range).scale


def dark_picture(options: RunOptions) -> torch.Tensor:
    """Noise whose mean is a third of the pixel range.

    What is read off it differs from what is read off the grey one.
    """
    scale = PixelRange(options.pixel_range).scale
    return (noisy_picture(options) / scale).square() * scale


def answered(module: torch.nn.Module, picture: torch.Tensor, origin: str) -> Any:
    """The answer, or a SourceError that names the module and the line where it went wrong."""
    with followed(module) as inside:
        try:
            with torch.inference_mode():
                return module(picture)
        except Exception as error:  # the user's own code may raise anything; its sentence is passed on
            shape = " x ".join(str(size) for size in picture.shape)
            where = own(inside.where(traceback.extract_tb(error.__traceback__)))
            raise SourceError(
                f"{origin} could not answer to a picture {shape}: {in_one_line(error)}{where}; "
                f"{_what_to_do(module, picture, str(error))}"
            ) from error


def _what_to_do(module: torch.nn.Module, picture: torch.Tensor, said: str) -> str:
    """Advise the option that is shown to be at fault.

    Channels by what was said, the size by another that is answered.
    """
    refused = _CHANNELS.search(said)
    if refused is not None and refused[1] == str([*picture.shape]):
        return "check --channel-order, --channels and --model-layout, or the network"
    rows = 1 if picture.shape[3] < picture.shape[1] else 2  # (1, H, W, C) or (1, C, H, W)

    def answers(size: tuple[int, int]) -> object:
        shape = [*picture.shape]
        shape[rows : rows + 2] = size
        with torch.inference_mode():
            return module(picture.new_full(shape, float(picture.mean())))

    found = mending_size(answers, (picture.shape[rows], picture.shape[rows + 1]))
    return advice(found, "it refuses other sizes too; mend the network there, or check --model-layout")


def own(where: str) -> str:
    """A place without the name that `Adapted` gives the network."""
    theirs = (
        where.replace(" network.", " ", 1).replace(" in the answer of network", "", 1).replace(" in network", "", 1)
    )
    return with_module(theirs)
