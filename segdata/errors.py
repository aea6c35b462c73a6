"""What goes wrong with pictures and labels."""


class DataError(ValueError):
    """A dataset, image or mask that cannot be used; the message is one sentence that says how to mend it."""
