"""docs/measured/web.md: its tables are those of the figures beside it, and what has not been measured says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.kept_page import filled, keep_result, read_results
from benchmarks.web.commands import run
from benchmarks.web.page import PAGE, PARTS, equality_table, latency_table

ROOT = Path(__file__).resolve().parents[2]
WHERE = {
    "litert_js": "9.8.7",
    "chromium": "Chromium 1.2",
    "environment": {"packages": {"ai-edge-litert": "2.3"}, "processor": "a processor", "cores": 2, "system": "Linux"},
}
ROW = {"artifact": "tflite-float32", "backend": "chromium", "threads": 1}


def test_the_page_is_drawn_from_what_is_kept() -> None:
    page = ROOT / PAGE
    assert page.read_text(encoding="utf-8") == filled(page, PARTS, read_results(page))


def test_what_was_not_measured_names_its_command() -> None:
    assert equality_table({}) == "Not measured yet: `python -m benchmarks.web equality`.\n"
    assert latency_table({}) == "Not measured yet: `python -m benchmarks.web measure`.\n"


def test_rows_say_bits_differences_and_classes() -> None:
    row = ROW | {
        "images": 3,
        "bit_equal": 2,
        "largest_difference": 1.31e-5,
        "largest_logit": 17.04,
        "same_class": 65_535,
        "pixels": 65_536,
    }
    table = equality_table({"equality": {"images": 3, **WHERE, "rows": [row]}})
    assert "| tflite-float32 | Chromium | 1 | 2 of 3 | 1.3e-05 | 17.0 | 65,535 of 65,536 |" in table


def test_times_are_compared_with_litert_of_as_many_threads() -> None:
    rows = [
        ROW
        | {
            "backend": backend,
            "threads": threads,
            "p50": p50,
            "p90": p50 + 1,
            "p99": p50 + 2,
            "samples": 40,
            "warning": warning,
        }
        for backend, threads, p50, warning in (
            ("litert", 1, 100.0, ""),
            ("litert", 2, 50.0, ""),
            ("chromium", 1, 150.0, ""),
            ("chromium-threads", 2, 100.0, "others worked"),
        )
    ]
    table = latency_table({"latency": {**WHERE, "rows": rows}})
    assert "| tflite-float32 | Chromium | 1 | 150.0 | 151.0 | 152.0 | 40 | 1.50 |" in table
    assert "| tflite-float32 | Chromium | 2 | 100.0 | 101.0 | 102.0 | 40 | 2.00 |" in table
    assert "Measured while others worked." in table


def test_a_part_replaces_only_itself(tmp_path: Path) -> None:
    page = tmp_path / "web.md"
    shutil.copyfile(ROOT / PAGE, page)
    keep_result(
        page,
        PARTS,
        "latency",
        {**WHERE, "rows": [ROW | {"backend": "litert", "p50": 1.0, "p90": 1.0, "p99": 1.0, "samples": 1}]},
    )
    assert list(read_results(page)) == ["latency"]
    assert "Not measured yet: `python -m benchmarks.web equality`." in page.read_text(encoding="utf-8")


def test_no_pictures_are_refused_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["equality", "--images", "0"])
    assert stopped.value.code == 2
    assert "0 is too small; give 1 or more" in capsys.readouterr().err
