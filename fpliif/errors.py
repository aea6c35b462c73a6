"""Name what goes wrong around FP-LIIF; every message is one sentence that says how to mend it."""


class FPLIIFError(ValueError):
    """Group the errors of this package."""


class ConfigError(FPLIIFError):
    """Refuse a network or training configuration that cannot be used."""


class CheckpointError(FPLIIFError):
    """Refuse a checkpoint that is missing, damaged, unsafe, or of another network."""


class TrainingError(FPLIIFError):
    """Stop a training that cannot start or go on."""
