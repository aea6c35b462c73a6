"""Finds recipes: every module in `quantization.recipes` that defines RECIPE is one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from quantization import recipes as recipe_room
from quantization.errors import RecipeError
from quantization.recipe import Recipe


@cache
def recipes() -> dict[str, Recipe]:
    """All known recipes by name, in file-name order; raises RecipeError if two share a name."""
    found: dict[str, Recipe] = {}
    for module_info in sorted(pkgutil.iter_modules(recipe_room.__path__), key=lambda info: info.name):
        recipe = importlib.import_module(f"{recipe_room.__name__}.{module_info.name}").RECIPE
        if recipe.name in found:
            raise RecipeError(f"two recipes are named {recipe.name!r}; rename one of the files in quantization/recipes")
        found[recipe.name] = recipe
    return found


def recipe(name: str) -> Recipe:
    """The recipe called `name`; raises RecipeError listing what there is."""
    try:
        return recipes()[name]
    except KeyError:
        raise RecipeError(f"no recipe is named {name!r}; choose from: {', '.join(recipes())}") from None
