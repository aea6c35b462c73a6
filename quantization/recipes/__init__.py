"""Find the recipes: one file each, here or below, that defines RECIPE. Nothing else needs editing to add one."""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from quantization.errors import RecipeError
from quantization.recipe import Recipe

ENTRY_POINTS = "segport.recipes"
"""Other packages add recipes under this group of entry points."""


@cache
def recipes() -> dict[str, Recipe]:
    """Return all known recipes by name: ours in file-name order, then those of other packages.

    Raises:
        RecipeError: two share a name, or a package offers something else.
    """
    files = [info.name for info in pkgutil.walk_packages(__path__, f"{__name__}.") if not info.ispkg]
    files.sort(key=lambda name: name.rpartition(".")[2])
    candidates = [(importlib.import_module(name).RECIPE, name) for name in files]
    candidates += [(entry.load(), entry.value) for entry in entry_points(group=ENTRY_POINTS)]
    found: dict[str, Recipe] = {}
    for recipe, origin in candidates:
        if not isinstance(recipe, Recipe):
            raise RecipeError(f"entry point {origin!r} is no Recipe; mend or uninstall the package that offers it")
        if recipe.name in found:
            raise RecipeError(f"two recipes are named {recipe.name!r}, one of them in {origin!r}; rename one")
        found[recipe.name] = recipe
    return found


def recipe(name: str) -> Recipe:
    """Return the recipe called `name`; raises RecipeError listing what there is."""
    try:
        return recipes()[name]
    except KeyError:
        raise RecipeError(f"no recipe is named {name!r}; choose from: {', '.join(recipes())}") from None


def is_quantized(name: str) -> bool:
    """Tell whether a known recipe stores weights as integers or in palettes."""
    found = recipes().get(name)
    return found is not None and (found.weights.is_integer or found.palette is not None)
