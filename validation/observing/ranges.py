"""Every tensor inside a Core ML program, seen by running it: what fixes 8-bit activations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from validation.milrun import Interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping


def observe_tensors(
    package: Path,
    pictures: NDArray[np.uint8],
    record: Callable[[str, NDArray[np.floating]], None],
    pixel_maximum: float = 1.0,
) -> None:
    """Hand every floating-point tensor of every picture to `record`, by its name in the program.

    Args:
        package: an .mlpackage with one input, a picture or a tensor (1, channels, H, W).
        pictures: uint8, (N, H, W, channels), at the size the program takes.
        record: takes a name and an array, which it must not keep.
        pixel_maximum: value of a full channel where the program takes a tensor.

    Raises:
        MilRunError: the package cannot be read or run.
    """
    interpreter = Interpreter(package)
    (picture,) = interpreter.inputs

    def given(image: NDArray[np.uint8]) -> NDArray[Any]:
        if picture.kind == "image":
            return image
        return np.ascontiguousarray(image.transpose(2, 0, 1)[None].astype(np.float32) * np.float32(pixel_maximum / 255))

    def observe(name: str, kind: str, outputs: Mapping[str, Any]) -> None:
        for tensor_name, tensor in outputs.items():
            if getattr(tensor, "is_floating_point", bool)() and tensor.numel():
                record(tensor_name, tensor.float().numpy())

    for image in pictures:
        interpreter.predict({picture.name: given(image)}, observe=observe)
