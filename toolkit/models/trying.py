"""Asking a network: the pictures it is tried on, and its answer or the sentence that names where it failed. Imports torch."""

from __future__ import annotations

import traceback
from typing import Any

import torch

from converters import PixelRange, SourceError
from toolkit.errors import in_one_line
from toolkit.models.watching import followed, with_module
from toolkit.options import RunOptions


def grey_picture(options: RunOptions) -> torch.Tensor:
    """(1, channels, H, W), the middle of the pixel range everywhere."""
    return torch.full((1, options.channels, *options.input_size), 0.5 * PixelRange(options.pixel_range).scale)


def noisy_picture(options: RunOptions) -> torch.Tensor:
    """Every pixel value there is, the same each time."""
    noise = torch.rand((1, options.channels, *options.input_size), generator=torch.Generator().manual_seed(0))
    return noise * PixelRange(options.pixel_range).scale


def dark_picture(options: RunOptions) -> torch.Tensor:
    """Noise whose mean is a third of the pixel range: what is read off it differs from what is read off the grey one."""
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
                "check --input-size, --channel-order and --model-layout, or the network"
            ) from error


def own(where: str) -> str:
    """A place without the name that `Adapted` gives the network."""
    theirs = (
        where.replace(" network.", " ", 1).replace(" in the answer of network", "", 1).replace(" in network", "", 1)
    )
    return with_module(theirs)
