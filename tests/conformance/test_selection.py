"""A trimmed selection of coremltools' operation tests, every test function at least once, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import __main__ as command
from tests.conformance import results

pytest.importorskip("coremltools")


@pytest.mark.conformance
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("every", "executed"), [(120, 80), pytest.param(40, 250, marks=pytest.mark.slow)])
def test_a_selection_predicts_what_coremltools_expects(every: int, executed: int, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    status = command.main(["--sample", str(every), "--precision", "fp16", "--results", str(path)])
    found = results.read(path)
    totals = results.totals(found)
    assert not results.unexplained(found)
    assert status == 0
    assert totals.executed > executed
    assert totals.rate >= 0.98


def test_only_predictions_count() -> None:
    ran = results.Result("a", "passed", 1, "")
    built_only = results.Result("b", "passed", 0, "")
    expected_failure = results.Result("c", "xfailed", 1, "known bug")
    failed = results.Result("d", "failed", 2, "")
    totals = results.totals([ran, built_only, expected_failure, failed])
    assert (totals.collected, totals.executed, totals.passed, totals.rate) == (4, 2, 1, 0.5)
    assert results.unexplained([ran, failed]) == [failed]


def test_a_resumed_run_tries_failures_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(
        '{"test": "a", "outcome": "passed", "predictions": 1, "reason": ""}\n'
        '{"test": "b", "outcome": "failed", "predictions": 1, "reason": "off"}\n'
        '{"test": "c", "outcome": "pas',
        encoding="utf-8",
    )
    assert [result.test for result in results.read(path)] == ["a", "b"]
    assert results.settled(path) == {"a"}
    results.append(path, results.Result("b", "passed", 1, ""))
    assert [(result.test, result.outcome) for result in results.read(path)] == [("a", "passed"), ("b", "passed")]


def test_a_run_of_one_folder_keeps_the_number_of_all_tests(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results.note_collected(path, ["a", "b", "c precision='fp32'"])
    results.note_collected(path, ["a"])
    assert results.collected(path) == {"fp16": 2, "fp32": 1}
