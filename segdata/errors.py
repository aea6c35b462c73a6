"""What goes wrong with pictures and labels."""


class DataError(ValueError):
    """A dataset, image or mask that cannot be used; the message is one sentence that says how to mend it."""


class MissingPackageError(DataError):
    """A format needs a package that is not installed; the message says how to install it."""
