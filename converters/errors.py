"""What goes wrong between a trained model and a file on disk."""


class SourceError(ValueError):
    """A model that cannot be used as given; the message is one sentence that says how to mend it."""


class ConversionError(RuntimeError):
    """A converter failed on a usable model; the message names the tool and its reason."""


class MissingToolError(ImportError):
    """Something that is not installed is needed; the message gives the command that installs it."""


def in_one_line(error: Exception) -> str:
    """The exception's type and the last line of its message that is not blank, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Use tlparse")]
    return f"{type(error).__name__}: {lines[-1][:300]}" if lines else type(error).__name__
