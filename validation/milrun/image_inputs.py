"""Pictures as model inputs: a PIL image or a uint8 array becomes the tensor a Core ML image input stands for.

Core ML hands a picture to the program as float values 0..255 of shape 1xCxHxW in the order of the input's colour
layout. Scale and bias of coremltools' ImageType are operations inside the program; nothing is to be done for them here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from validation.milrun.errors import PredictInputError
from validation.milrun.features import Feature


def picture_to_tensor(value: Any, feature: Feature) -> torch.Tensor:
    """Turn a picture into float32 (1, C, H, W).


    Args:
        value: PIL image (mode RGB or RGBA for colour, L for grayscale, F for float16 grayscale), or a uint8 array,
            RGB (height, width, 3) or gray (height, width), or a float array (height, width) for float16 grayscale.

    Raises:
        PredictInputError: another mode, type or size.
    """
    pixels = _pixels(value, feature)
    if not feature.accepts(pixels.shape[:2]):
        raise PredictInputError(
            f"picture {feature.name!r} is {pixels.shape[0]} high and {pixels.shape[1]} wide; "
            f"give (height, width) {feature.describe_shapes()}"
        )
    planes = torch.from_numpy(np.ascontiguousarray(pixels)).to(torch.float32)
    if planes.dim() == 2:
        return planes[None, None]
    if feature.color == "bgr":
        planes = planes.flip(2)
    return planes.permute(2, 0, 1)[None].contiguous()


def _pixels(value: Any, feature: Feature) -> NDArray[Any]:
    from PIL import Image

    if isinstance(value, Image.Image):
        return _from_pil(value, feature)
    array = np.asarray(value)
    if feature.color == "grayscale_float16":
        if array.ndim == 2 and array.dtype.kind == "f":
            return array.astype(np.float16)
        raise PredictInputError(
            f"picture {feature.name!r} takes a float array (height, width) or a PIL image of mode F"
        )
    wanted = 2 if feature.color == "grayscale" else 3
    if array.dtype != np.uint8 or array.ndim != wanted or (wanted == 3 and array.shape[2] != 3):
        form = "(height, width)" if wanted == 2 else "(height, width, 3) in RGB order"
        raise PredictInputError(
            f"picture {feature.name!r} was given as {array.dtype} {array.shape}; give a PIL image or uint8 {form}"
        )
    return array


_MODES = {"rgb": ("RGB", "RGBA"), "bgr": ("RGB", "RGBA"), "grayscale": ("L",), "grayscale_float16": ("F",)}


def _from_pil(image: Any, feature: Feature) -> NDArray[Any]:
    modes = _MODES[feature.color or "rgb"]
    if image.mode not in modes:
        raise PredictInputError(
            f"picture {feature.name!r} is a PIL image of mode {image.mode}; convert it to {' or '.join(modes)}"
        )
    pixels: NDArray[Any] = np.array(image)
    if feature.color == "grayscale_float16":
        return pixels.astype(np.float16)
    return pixels[:, :, :3] if pixels.ndim == 3 else pixels
