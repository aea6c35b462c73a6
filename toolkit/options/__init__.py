"""Hold options, each written once, as a field with its type, default, explanation and flag. See `run_options.py`."""

from toolkit.options.reading import checked_options, make_options, read_toml, swept
from toolkit.options.run_options import RunOptions

__all__ = ["RunOptions", "checked_options", "make_options", "read_toml", "swept"]
