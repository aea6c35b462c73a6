from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.claims.commands import run
from benchmarks.claims.page import PAGE, PARTS, models_table, sizes_table
from benchmarks.kept_page import figures_of, filled, keep_result, read_results
from toolkit.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


def scored(miou: float, **more: Any) -> dict[str, Any]:
    return {"miou": miou, "mean_f1": miou, **more}


def size_row(size: int, low: float, high: float) -> dict[str, Any]:
    delta = {"delta_miou": (low + high) / 2, "delta_miou_ci95": [low, high]}
    return {"size": size, "network": scored(0.5), "logits": scored(0.4, **delta), "labels": scored(0.4, **delta)}


SIZES = {"images": 3, "rows": [size_row(64, 0.01, 0.03), size_row(128, -0.01, 0.01), size_row(512, -0.03, -0.01)]}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(
        "Above\n" + "".join(f"<!-- {part} -->\nold\n<!-- end of {part} -->\n" for part in PARTS) + "Below\n"
    )
    return path


def test_a_result_replaces_its_part_and_leaves_the_words_around_it(page: Path) -> None:
    keep_result(page, PARTS, "sizes", SIZES)
    text = page.read_text()
    assert text.startswith("Above\n") and text.endswith("Below\n") and "old" not in text
    assert "| 64 | 0.5000 | 0.5000 | 0.4000 | 0.4000 | 0.4000 | 0.4000 | +2.00 [+1.00, +3.00] |" in text
    assert "Not measured yet: `python -m benchmarks.claims latency`." in text
    assert read_results(page) == {"sizes": SIZES}
    keep_result(page, PARTS, "sizes", SIZES)
    assert page.read_text() == text


def test_sentences_follow_the_intervals() -> None:
    sentences = [line for line in sizes_table({"sizes": SIZES}).splitlines() if line.startswith("* ")]
    assert "better than resized logits" in sentences[0]
    assert "as good, within chance, as resized logits" in sentences[1]
    assert "worse than resized logits" in sentences[2]


def test_parameters_stand_beside_the_papers() -> None:
    row = {
        "name": "a",
        "title": "A",
        "steps": 1000,
        "parameters": 2_290_000,
        "weights_bytes": 4_600_000,
        "multiply_adds": 35_300_000_000,
        "float": scored(0.8),
        "int8": scored(0.79, bytes=2_500_000),
        "int8_minus_float": scored(0.79, delta_miou=-0.01, delta_miou_ci95=[-0.02, 0.0]),
    }
    text = models_table({"models": {"images": 3, "calibration_images": 2, "rows": [row]}})
    assert "| A | 1,000 | 2,290,000 | 4.60 MB | 35.30 G | 0.8000 | 0.8000 |  |" in text
    assert "| A | 2.50 MB | 0.7900 | 0.7900 | -1.00 [-2.00, +0.00] |  |" in text
    assert "2.29 M (+0.0 %)" in text


def test_a_page_without_markers_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("words")
    with pytest.raises(UsageError, match="lacks the markers"):
        keep_result(path, PARTS, "sizes", SIZES)
    assert path.read_text() == "words" and not figures_of(path).exists()


def test_damaged_results_are_one_sentence_at_the_command_line(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures_of(page).parent.mkdir()
    figures_of(page).write_text("{")
    assert run(["tables", "--page", str(page)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1


def test_the_repositorys_page_shows_what_its_results_say() -> None:
    page = ROOT / PAGE
    assert filled(page, PARTS, read_results(page)) == page.read_text(encoding="utf-8")
    text = figures_of(page).read_text(encoding="utf-8")
    assert set(json.loads(text)) <= set(PARTS)
