"""Settings of the whole suite."""

import signal

import pytest
from hypothesis import settings

# Elapsed time is never asserted: a busy machine must not fail a test.
settings.register_profile(
    "segport", settings.get_profile("ci" if settings.get_current_profile_name() == "ci" else "default"), deadline=None
)
settings.load_profile("segport")


def pytest_configure(config: pytest.Config) -> None:
    """Shells start background jobs, such as a CI's, with Ctrl-C's signal ignored, and the programs that tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
