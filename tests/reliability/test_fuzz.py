"""A trimmed form of the fuzz: some files of every kind, another seed than the page's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.fuzz.__main__ import attack


@pytest.mark.parametrize("count", [24, pytest.param(64, marks=pytest.mark.slow)], ids=["trimmed", "more"])
def test_damaged_files_are_refused_in_one_sentence(count: int, tmp_path: Path) -> None:
    figures = attack(tmp_path, count=count, seed=1)
    assert [one.files for one in figures.values()] == [count // 8] * 8
    assert [fault for one in figures.values() for fault in one.faults] == []
    assert sum(one.ends["2"] for one in figures.values()) > count // 4
