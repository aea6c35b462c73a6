"""Name what goes wrong when choosing how numbers are stored."""


class RecipeError(ValueError):
    """Refuse a recipe or calibration that cannot be used; the message is one sentence that says how to mend it."""
