"""The page on latency gets its figures between markers, and its figure from the curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.validation.measurements import bootstrap
from benchmarks.validation.page import BEGIN, END, PAGE, lines, write_page

FIGURES = {
    "overhead": [
        {
            "runner": "litert",
            "artifact": "a",
            "inference_ms": 20.0,
            "validation_ms": 20.4,
            "overhead": 0.02,
            "rounds": 5,
        }
    ],
    "workers": {"pictures": 200, "seconds_1": 20.0, "seconds_2": 10.0, "ratio": 2.0, "equal": False},
    "memory": {
        "pictures": 1000,
        "mb_after_a_tenth": 400.0,
        "mb_at_the_end": 401.0,
        "kb_a_picture": 0.5,
        "kept_bytes_a_picture": 484,
    },
}


def test_figures_go_between_the_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / PAGE
    page.parent.mkdir(parents=True)
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    figures = FIGURES | {"bootstrap": bootstrap(3)}
    curves = {"float reference": np.full(10, 400.0), "ONNX Runtime": np.full(10, 410.0)}
    for _ in range(2):
        write_page(figures, curves)
        text = page.read_text()
        assert text.startswith(f"before\n{BEGIN}\n")
        assert text.endswith(f"{END}\nafter\n")
        assert "old" not in text
        assert text.count("| +2.0% | at most 5% |") == 1
    assert "2.00 times as fast" in text
    assert "| NO | yes |" in text
    with Image.open(tmp_path / "docs" / "images" / "memory.png") as drawn:
        assert drawn.size == (1050, 480)
    assert not list((tmp_path / "docs").rglob(".*"))


def test_the_bootstrap_is_the_one_of_reports() -> None:
    found = bootstrap(4)
    assert (found["pictures"], found["classes"], found["resamples"]) == (4, 19, 10_000)
    assert 0 < found["seconds"] == min(found["seconds_of_each"])
    assert any("10,000 resamples of 4 pictures x 19 classes" in line for line in lines(FIGURES | {"bootstrap": found}))
