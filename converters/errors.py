"""What goes wrong between a trained model and a file on disk."""


class SourceError(ValueError):
    """A model that cannot be used as given; the message is one sentence that says how to mend it."""


class ConversionError(RuntimeError):
    """A converter failed on a usable model; the message names the tool and its reason."""


class MissingToolError(ImportError):
    """Something that is not installed is needed; the message gives the command that installs it."""
