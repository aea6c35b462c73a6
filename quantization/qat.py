"""Round while a network trains: quantization-aware fine-tuning. Imports torch.

Weights and values are rounded to the numbers that an integer file holds, and gradients pass as if they were not, except
for values beyond the range, which are clipped and get none (straight-through estimator: Bengio et al. 2013, arXiv
1308.3432; Jacob et al. 2018, arXiv 1712.05877, section 3). The network learns weights that lose little by the rounding.
The result is a float checkpoint like any other, which every recipe converts.

    ranges = ObservedRanges()             run calibration pictures through it, picture by picture
    FakeQuantization(recipe, ranges)      train through it
"""

from __future__ import annotations

import torch
from torch import Tensor

from quantization.emulation import Range, mean_range, rounded
from quantization.errors import RecipeError
from quantization.recipe import ActivationRange, Granularity, NumberType, Recipe


def check_trainable(recipe: Recipe) -> None:
    """Raise RecipeError unless the recipe has integer weights with a scale per channel and activations of at most 8
    bits."""
    if not recipe.weights.is_integer or recipe.granularity is not Granularity.PER_CHANNEL:
        raise RecipeError(
            f"recipe {recipe.name!r} has no integer weights with a scale per channel, so there is nothing to train for;"
            " choose int8_static, int8_dynamic or int4_dynamic"
        )
    if recipe.activations is NumberType.INT16:
        raise RecipeError(f"recipe {recipe.name!r} has 16-bit activations, which lose nothing that training could mend")


class ObservedRanges:
    """Change nothing, and remember the extremes of every activation, one picture at a time."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Range]] = {}

    def weights(self, tensor: Tensor) -> Tensor:
        """Return them as they are."""
        return tensor

    def values(self, name: str, tensor: Tensor) -> Tensor:
        """Return them as they are, extremes remembered. Raises RecipeError if they are not finite."""
        low, high = tensor.detach().aminmax()
        if not bool(torch.isfinite(low) & torch.isfinite(high)):
            raise RecipeError(
                f"layer {name!r} gives values that are not finite on a calibration picture; mend the weights"
            )
        self._seen.setdefault(name, []).append((float(low), float(high)))
        return tensor

    def constant(self, tensor: Tensor) -> Tensor:
        """Return it as it is."""
        return tensor

    def ranges(self) -> dict[str, Range]:
        """Average the range of each activation over the pictures, as int8_static does by default.

        Raises:
            RecipeError: no picture was seen.
        """
        if not self._seen:
            raise RecipeError("no calibration pictures were given; give 1 or more")
        return {name: mean_range(seen) for name, seen in self._seen.items()}


class FakeQuantization:
    """Round as a file made by `recipe` does.

    Weights: symmetric, a scale for each output channel, its largest magnitude is the last step. Activations: 8 bits,
        asymmetric,
    within `ranges`, where the recipe calibrates them; recipes that scale them anew at every inference or leave them in
    floats lose little there, and they stay floats here.

    Args:
        recipe: with integer weights per channel.
        ranges: of `ObservedRanges`.

    Raises:
        RecipeError: as `check_trainable`.
    """

    def __init__(self, recipe: Recipe, ranges: dict[str, Range]) -> None:
        check_trainable(recipe)
        self._largest = 2 ** (recipe.weights.bits - 1) - 1
        self._calibrated = recipe.activation_range is ActivationRange.STATIC
        self._ranges = ranges

    def weights(self, tensor: Tensor) -> Tensor:
        """Round per output channel (axis 0)."""
        tensor = tensor.float()
        with torch.no_grad():
            scale = (tensor.abs().amax(dim=tuple(range(1, tensor.ndim))) / self._largest).clamp(min=1e-12)
            zeros = torch.zeros_like(scale, dtype=torch.int32)
        answer: Tensor = torch.fake_quantize_per_channel_affine(tensor, scale, zeros, 0, -self._largest, self._largest)
        return answer

    def values(self, name: str, tensor: Tensor) -> Tensor:
        """Round within the range of that name."""
        return rounded(tensor.float(), self._ranges[name]) if self._calibrated else tensor

    def constant(self, tensor: Tensor) -> Tensor:
        """Round within its own extremes."""
        if not self._calibrated:
            return tensor
        low, high = tensor.detach().aminmax()
        return rounded(tensor.float(), (min(float(low), 0.0), max(float(high), 0.0)))
