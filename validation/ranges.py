"""The range of every tensor inside a Core ML program, measured by running it: what fixes 8-bit activations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping


def observed_ranges(package: Path, pictures: NDArray[np.uint8]) -> Mapping[str, tuple[float, float]]:
    """Smallest and largest value of every floating-point tensor over all pictures, by its name in the program.

    Args:
        package: an .mlpackage with one picture input.
        pictures: uint8 RGB, (N, H, W, 3), at the size the program takes.

    Raises:
        MilRunError: the package cannot be read or run.
    """
    from validation.milrun import Interpreter

    interpreter = Interpreter(package)
    (picture,) = interpreter.inputs
    ranges: dict[str, tuple[float, float]] = {}

    def observe(name: str, kind: str, outputs: Mapping[str, Any]) -> None:
        for tensor_name, tensor in outputs.items():
            if not getattr(tensor, "is_floating_point", bool)() or not tensor.numel():
                continue
            low, high = (float(item) for item in tensor.aminmax())
            known = ranges.get(tensor_name, (low, high))
            ranges[tensor_name] = min(low, known[0]), max(high, known[1])

    for image in pictures:
        interpreter.predict({picture.name: image}, observe=observe)
    return ranges
