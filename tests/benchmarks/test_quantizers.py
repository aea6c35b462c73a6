"""The benchmark of quantizers: what its rows say, how its page is filled, what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.kept_page import drawn, filled, keep_result, read_results, wrapped
from benchmarks.quantizers.commands import run
from benchmarks.quantizers.fine_tuned import COLUMNS, Column, fine_tuned_table
from benchmarks.quantizers.page import PAGE, PARTS, table
from benchmarks.quantizers.peers import PEERS, VARIANTS
from benchmarks.quantizers.recipes import merged, read_recipes, recipes_table
from benchmarks.quantizers.results import _drops
from toolkit.errors import UsageError

ROW = {
    "name": "segport",
    "title": "segport int8_static",
    "bytes": 2_650_000,
    "seconds": 12.4,
    "miou": 0.8,
    "delta_miou": -0.0012,
    "delta_miou_ci95": [-0.002, 0.0005],
    "worst_class": "nose",
    "worst_delta": -0.0046,
}
RESULT = {"images": 8, "split": "test", "calibration_images": 4, "threads": 2, "rows": [ROW]}


def test_rows_have_names_of_their_own() -> None:
    for peers in (PEERS, VARIANTS):
        assert len({peer.name for peer in peers}) == len({peer.title for peer in peers}) == len(peers)
    assert {"segport", "ai-edge-quantizer", "tensorflow", "onnx2tf", "onnxruntime"} == {peer.name for peer in PEERS}


def test_drops_are_those_of_the_pooled_counts() -> None:
    reference = np.asarray([[[90, 10], [0, 100]], [[80, 20], [0, 100]]])
    worse = np.asarray([[[90, 10], [0, 100]], [[60, 40], [0, 100]]])
    found = _drops(worse, reference, ("skin", "nose"))
    skin, nose = 150 / 200 - 170 / 200, 200 / 250 - 200 / 230
    assert found["worst_class"] == "skin" and found["worst_delta"] == pytest.approx(skin, abs=1e-6)
    assert found["delta_miou"] == pytest.approx((skin + nose) / 2, abs=1e-6)
    low, high = found["delta_miou_ci95"]
    assert low <= found["delta_miou"] <= high


def test_a_table_shows_times_only_where_all_rows_have_it() -> None:
    plain = table("peers", RESULT)
    assert "| segport int8_static | 2.65 MB | -0.12 pt [-0.20, +0.05] | nose -0.46 pt |\n" in plain
    assert "conversion" not in plain
    timed = table("peers", RESULT | {"rows": [ROW | {"latency_ms": {"p50": 94.93, "p90": 98.1}}]})
    assert "| 94.9 | 98.1 | 12 s |" in timed and "2 threads" in timed
    for text in (plain, timed):
        head, rule, *rows = [line for line in text.splitlines() if line.startswith("|")]
        assert {line.count("|") for line in (head, rule, *rows)} == {head.count("|")}
    assert "Not measured yet" in table("variants", None)


def test_results_are_kept_and_the_page_is_filled_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "quantization.md"
    page.write_text(PAGE.read_text())
    keep_result(page, PARTS, "peers", RESULT)
    assert read_results(page)["peers"] == RESULT
    assert wrapped(table("peers", RESULT)) in page.read_text() and table("peers", RESULT) in drawn(
        PARTS, read_results(page)
    )
    assert filled(page, PARTS, read_results(page)) == page.read_text()
    page.write_text("no markers")
    with pytest.raises(UsageError, match="lacks the markers"):
        keep_result(page, PARTS, "peers", RESULT)


def test_the_repositorys_page_holds_what_its_json_says() -> None:
    assert filled(PAGE, PARTS, read_results(PAGE)) == PAGE.read_text()


def test_the_table_of_fine_tuned_networks_shows_differences_from_the_float_one() -> None:
    columns = [
        {"title": "float", "bytes": None, "miou": 0.8, "iou": {"skin": 0.9, "hat": None}},
        {"title": "int8", "bytes": 10, "miou": 0.795, "iou": {"skin": 0.89, "hat": None}},
    ]
    lines = fine_tuned_table({"images": 400, "data": "d", "columns": columns}).splitlines()
    assert lines[0] == "| class | float | int8 |"
    assert lines[2:5] == ["| skin | 90.00 | -1.00 |", "| hat | – | – |", "| **mean** | 80.00 | -0.50 |"]
    assert "400 drawn faces" in lines[-1]
    assert len({column.title for column in COLUMNS}) == len(COLUMNS)


def test_fine_tuned_networks_that_are_not_there_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Column("int8, tuned for it", "nowhere/best.safetensors", COLUMNS[1].peer)
    monkeypatch.setattr("benchmarks.quantizers.fine_tuned.COLUMNS", (missing,))
    assert run(["--fine-tuned", "--images", "1", "--work", str(tmp_path)]) == 2
    assert "train it first" in capsys.readouterr().err


def test_the_table_of_recipes_comes_from_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def artifact(name: str, status: str, change: float) -> dict[str, object]:
        measured = {"delta_miou": change, "delta_miou_ci95": None, "delta_per_class_iou": {"skin": change, "hat": None}}
        run = {"status": status, "runner": "litert", **measured}
        return {"recipe": name, "format": "tflite", "size_bytes": 2_000_000, "runs": [run]}

    files = [artifact("float16", "measured", -0.001), artifact("int8_static", "measured", -0.001)]
    report = {
        "dataset": {"images": 400, "split": "test"},
        "model": {"weights_sha256": "0"},
        "artifacts": [*files, artifact("w8a8", "not_run", 0.0)],
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    lines = recipes_table(read_recipes(tmp_path)).splitlines()
    assert lines[2].endswith("| skin -0.10 pt | 0.02 / 0.05 | no |")
    assert lines[3].endswith("| skin -0.10 pt | 0.2 / 0.5 | yes |")
    assert len([line for line in lines if "litert" in line]) == 2
    assert run(["--recipes", str(tmp_path / "nowhere")]) == 2
    assert "holds no readable report.json" in capsys.readouterr().err


def test_an_unknown_row_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--only", "abacus"]) == 2
    assert "no row is called 'abacus'; choose from: segport" in capsys.readouterr().err


def test_rows_of_a_second_run_replace_those_of_the_first() -> None:
    def part(weights: str, **rows: float) -> dict[str, Any]:
        found = [{"format": "tflite", "recipe": name, "delta_miou": delta} for name, delta in rows.items()]
        return {"images": 4, "split": "test", "weights_sha256": weights, "rows": found}

    first, second = part("a", float16=0.0, int4_dynamic=-0.03), part("a", int4_dynamic=-0.003, int8_static=0.0)
    assert merged(None, first) == first
    assert merged(first, second) == part("a", float16=0.0, int4_dynamic=-0.003, int8_static=0.0)
    assert merged(part("b", float16=0.0), second) == second
