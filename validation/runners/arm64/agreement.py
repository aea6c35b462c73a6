"""Whether answers are those of the same file on this machine's own CPU."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from validation.runners.litert.runner import LiteRtRunner

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


@dataclass
class Agreement:
    """Raw answers of one file in two runtimes, picture by picture.

    Attributes:
        against: the other runtime.
        images: pictures compared.
        bit_equal: those of them with the same bits.
        largest_difference: of any two values, in units of the answer as the runtime gives it.
    """

    against: str = "litert (xnnpack)"
    images: int = 0
    bit_equal: int = 0
    largest_difference: float = 0.0

    def add(self, mine: NDArray[Any], theirs: NDArray[Any]) -> int:
        """Compare two answers of one shape and type; returns in how many values they differ."""
        different = int((mine != theirs).sum())
        self.images += 1
        self.bit_equal += mine.tobytes() == theirs.tobytes()
        if different:
            apart = np.abs(mine.astype(np.float64) - theirs.astype(np.float64))
            self.largest_difference = max(self.largest_difference, float(apart.max()))
        return different

    def to_json(self) -> dict[str, Any]:
        """Return what a run's `agreement` holds in the report."""
        return asdict(self)


def computes_in_integers(opened: LiteRtRunner) -> bool:
    """Tell whether no operation touches a float but those that turn floats into integers and back."""
    interpreter = opened._interpreter
    floats = {int(item["index"]) for item in interpreter.get_tensor_details() if np.dtype(item["dtype"]).kind == "f"}
    return not any(
        floats & {int(number) for number in (*item["inputs"], *item["outputs"])}
        for item in interpreter._get_ops_details()
        if item["op_name"] not in (*_CONVERSIONS, "DELEGATE")
    )
