"""Which numbers a model is stored in and run with: recipes and calibration."""

from quantization.errors import RecipeError
from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Palette, Recipe
from quantization.registry import recipe, recipes

__all__ = [
    "AccuracyLimits",
    "ActivationRange",
    "Granularity",
    "NumberType",
    "Palette",
    "Recipe",
    "RecipeError",
    "recipe",
    "recipes",
]
