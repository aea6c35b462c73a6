"""Choose the numbers a model is stored in and run with: recipes and calibration."""

from quantization.errors import RecipeError
from quantization.recipe import (
    AccuracyLimits,
    ActivationRange,
    Granularity,
    NumberType,
    Palette,
    Quantizer,
    Recipe,
    WeightRange,
)
from quantization.recipes import recipe, recipes
from quantization.repair import Repair

__all__ = [
    "AccuracyLimits",
    "ActivationRange",
    "Granularity",
    "NumberType",
    "Palette",
    "Quantizer",
    "Recipe",
    "RecipeError",
    "Repair",
    "WeightRange",
    "recipe",
    "recipes",
]
