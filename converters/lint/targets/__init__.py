"""One file a target; each defines TARGET (see `converters.lint.target`)."""
