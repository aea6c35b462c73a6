"""pytest plugin: seeds every test by its name, counts its predictions, and writes one JSON line a test."""

from __future__ import annotations

import gc
import os
import random
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conformance import results, substitute

RESULTS_VARIABLE = "CONFORMANCE_RESULTS"
SAMPLE_VARIABLE = "CONFORMANCE_SAMPLE"
FLOAT16_STEP_VARIABLE = "CONFORMANCE_FLOAT16_STEP"
_ROOT = "coremltools/converters/mil/mil/ops/tests/"

_state: dict[str, Any] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Install the substitutes before any test module is imported."""
    torch.set_num_threads(1)
    _state["count"] = substitute.install()
    if os.environ.get(FLOAT16_STEP_VARIABLE):
        substitute.allow_one_float16_step()
    _state["results"] = Path(os.environ[RESULTS_VARIABLE])
    _state["done"] = results.settled(_state["results"])


def test_name(nodeid: str) -> str:
    """A test's name that does not depend on where coremltools is installed."""
    return nodeid.rpartition(_ROOT)[2]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what an interrupted run has already settled, and all but the sample if one is asked for."""
    every = int(os.environ.get(SAMPLE_VARIABLE, "1"))
    results.note_collected(_state["results"], [test_name(item.nodeid) for item in items])
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    seen: dict[str, int] = {}
    for item in items:
        function = item.nodeid.partition("[")[0]
        number = seen.get(function, 0)
        seen[function] = number + 1
        # The first of every test function, then every n-th parameter set at an offset that its name decides.
        chosen = number == 0 or every == 1 or (number + zlib.crc32(function.encode())) % every == 0
        (kept if chosen and test_name(item.nodeid) not in _state["done"] else dropped).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Every conversion collects garbage; with the imported packages out of its sight that takes no time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """The same random numbers whatever ran before, and the predictions of this test alone."""
    seed = zlib.crc32(test_name(item.nodeid).encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    before = _state["count"].total
    try:
        return (yield)
    finally:
        item.user_properties.append(("predictions", _state["count"].total - before))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One line per test: outcome, predictions, reason."""
    if report.when != "call" and not (report.when == "setup" and report.outcome != "passed"):
        return
    outcome: str = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.outcome == "skipped" else "xpassed"
    properties: dict[str, Any] = dict(report.user_properties)
    result = results.Result(test_name(report.nodeid), outcome, properties.get("predictions", 0), _reason(report))
    results.append(_state["results"], result)


def _reason(report: pytest.TestReport) -> str:
    if getattr(report, "wasxfail", ""):
        return str(report.wasxfail)
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    if report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        return str(crash.message if crash is not None else report.longrepr)[:600]
    return ""
