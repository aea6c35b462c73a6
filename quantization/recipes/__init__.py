"""One file a recipe. Adding a file that defines RECIPE adds the recipe; nothing else needs editing."""
