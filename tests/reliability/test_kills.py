"""A run that is killed at any moment continues: same report, no file too many or too few."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.kills import attack


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=pytest.mark.slow)], ids=["trimmed", "all"])
def test_killed_runs_continue_to_the_same_report(count: int, tmp_path: Path) -> None:
    figures = attack(count, seed=count, folder=tmp_path)
    assert sum(figures.found.values()) == count
    assert figures.faults == []
