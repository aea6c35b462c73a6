"""Every tensor inside a Core ML program, seen by running it: what fixes 8-bit activations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping


def observe_tensors(
    package: Path, pictures: NDArray[np.uint8], record: Callable[[str, NDArray[np.floating]], None]
) -> None:
    """Hand every floating-point tensor of every picture to `record`, by its name in the program.

    Args:
        package: an .mlpackage with one picture input.
        pictures: uint8 RGB, (N, H, W, 3), at the size the program takes.
        record: takes a name and an array, which it must not keep.

    Raises:
        MilRunError: the package cannot be read or run.
    """
    from validation.milrun import Interpreter

    interpreter = Interpreter(package)
    (picture,) = interpreter.inputs

    def observe(name: str, kind: str, outputs: Mapping[str, Any]) -> None:
        for tensor_name, tensor in outputs.items():
            if getattr(tensor, "is_floating_point", bool)() and tensor.numel():
                record(tensor_name, tensor.float().numpy())

    for image in pictures:
        interpreter.predict({picture.name: image}, observe=observe)
