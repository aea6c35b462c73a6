"""docs/measured/arm64.md: what is said of figures, and that an answer is asked for once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.arm64.page import PAGE, PARTS, arm64_tables
from benchmarks.kept_answers import Kept
from benchmarks.kept_page import filled, read_results


def _count(total: int) -> dict[str, Any]:
    return {"total": total, "by_class": {"dot product": total - 10, "load": 10}}


def _results(again: int = 100) -> dict[str, Any]:
    return {
        "arm64": {
            "sha256": {"int8_static": "a"},
            "bytes": {"int8_static": 2_650_000},
            "instructions": {"cortex-a76": {"int8_static": [_count(100), _count(again)]}},
            "agreement": {"cortex-a76": {"int8_static": {"images": 8, "bit_equal": 7, "largest_difference": 0.25}}},
            "accuracy": {
                "cpu": "cortex-a76",
                "images": 32,
                "classes": ["skin", "hat"],
                "iou": [0.9, None],
                "miou": 0.9,
                "float_iou": [0.91, None],
                "float_miou": 0.91,
            },
        }
    }


def test_what_the_page_says() -> None:
    said = arm64_tables(_results())
    assert "| int8_static | 2.65 MB | 100 |" in said
    assert "cortex-a76: counted in 2 separate processes, the same number" in said
    assert "| dot product | 90.0 % |" in said
    assert "| cortex-a76 | int8_static | 7 of 8 | 2.5e-01 |" in said
    assert "| skin | 0.9100 | 0.9000 | -1.00 |" in said
    assert "| hat | – | – |  |" in said


def test_counts_that_differ_are_not_hidden() -> None:
    assert "NOT the same number: 100, 101" in arm64_tables(_results(again=101))


def test_the_page_shows_what_is_kept_beside_it() -> None:
    assert filled(PAGE, PARTS, read_results(PAGE)) == PAGE.read_text(encoding="utf-8")


def test_an_answer_is_asked_for_once(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    assert Kept(path).get(("answer", 1), lambda: {"value": 5}) == {"value": 5}
    assert Kept(path).get(("answer", 1), lambda: pytest.fail("asked again")) == {"value": 5}
    assert Kept(path).get(("answer", 2), lambda: 6) == 6
