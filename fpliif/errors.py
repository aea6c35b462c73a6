"""What goes wrong around FP-LIIF; every message is one sentence that says how to mend it."""


class FPLIIFError(ValueError):
    """Base of the errors of this package."""


class ConfigError(FPLIIFError):
    """A network or training configuration that cannot be used."""


class CheckpointError(FPLIIFError):
    """A checkpoint that is missing, damaged, unsafe, or of another network."""


class TrainingError(FPLIIFError):
    """Training that cannot start or go on."""
