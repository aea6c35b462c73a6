"""The oldest system that can load what a recipe writes."""

from __future__ import annotations

from quantization import ActivationRange, Granularity, Recipe


def deployment_target(recipe: Recipe) -> str:
    """Name of the minimum deployment target, as coremltools spells it (``"iOS16"``).

    Source: coremltools guide, "Optimization Workflow" and the MIL operator sets: 8-bit weights and one table a layer
    came with iOS 16, quantized activations with iOS 17, 4-bit and block-wise scales, tables per group of channels and
    compressed zeros with iOS 18. Float models share iOS 16 with the 8-bit weights, so that one app runs both.
    """
    grouped = recipe.palette is not None and recipe.palette.channels is not None
    if grouped or recipe.granularity is Granularity.PER_BLOCK or recipe.sparsity:
        return "iOS18"
    return "iOS16" if recipe.activation_range is ActivationRange.NONE else "iOS17"
