"""Fine-tune FP-LIIF for integers: put quantization's rounding into its training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from quantization import recipe

if TYPE_CHECKING:
    from torch import Tensor

    from fpliif.network import FPLIIF
    from fpliif.rounded import MakeRounding, Rounding

WHOLE_PICTURE = (0.0, 1.0)
"""Range of the picture: any pixel may be black or white, whatever the calibration pictures show."""


def rounding_of(name: str) -> MakeRounding:
    """Make the rounding that the recipe `name` does, for `fpliif.training.train`.

    Raises:
        RecipeError: there is no such recipe, or nothing in it to train for.
    """
    from quantization.qat import FakeQuantization, ObservedRanges, check_trainable

    chosen = recipe(name)
    check_trainable(chosen)

    def make(network: FPLIIF, pictures: Iterable[Tensor]) -> Rounding:
        import torch

        from fpliif.rounded import RoundedFPLIIF

        observed = ObservedRanges()
        seeing = RoundedFPLIIF(network, observed)
        with torch.inference_mode():
            for picture in pictures:
                seeing(picture, (picture.shape[2], picture.shape[3]))
        return FakeQuantization(chosen, {**observed.ranges(), "image": WHOLE_PICTURE})

    return make
