"""What goes wrong while running artifacts and judging them."""


class RunnerError(RuntimeError):
    """A runtime failed on an artifact; the message names the runtime, the artifact and the reason."""


class ValidationError(ValueError):
    """A validation that makes no sense as asked (class count, sizes, limits); says what to change."""
