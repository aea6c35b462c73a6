"""Settings of the whole suite."""

import os
import signal
from typing import Any

import pytest
from hypothesis import settings

from tests.running import sharing_out
from tests.running.warm import starting

# Two workers share a small machine: one thread each, in this process and in those that it starts. Before torch is
# imported.
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")

# Elapsed time is never asserted: a busy machine must not fail a test.
settings.register_profile(
    "segport", settings.get_profile("ci" if settings.get_current_profile_name() == "ci" else "default"), deadline=None
)
settings.load_profile("segport")


def pytest_configure(config: pytest.Config) -> None:
    """Shells start background jobs, such as a CI's, with Ctrl-C's signal ignored, and the programs that tests start
    would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    starting.install()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return sharing_out.scheduler(config, log)


@pytest.fixture
def cold_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process that this test starts begins from nothing, as a user's does."""
    monkeypatch.setenv(starting.COLD_VARIABLE, "1")
