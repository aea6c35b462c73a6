"""`segport compare`: what counts as worse, what cannot be compared, and the statuses CI goes by."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.report.sample import not_run_sample, sample
from tests.toolkit.run_folder.manifests import least_manifest
from toolkit.apps.compare.runs import CompareLimits, RunComparison, compare_runs
from toolkit.apps.compare.showing import headline, render_markdown
from toolkit.cli import run_command
from toolkit.document.schema import check
from toolkit.errors import UsageError

Document = dict[str, Any]
Change = Callable[[Document], object]


def compared(change: Change, limits: CompareLimits | None = None) -> RunComparison:
    """The sample against itself with `change` made to B."""
    after = copy.deepcopy(sample())
    change(after)
    return compare_runs(check(sample()), check(after), limits or CompareLimits())


def first_run(document: Document) -> Document:
    found: Document = document["artifacts"][0]["runs"][0]
    return found


def worse(found: RunComparison) -> list[tuple[str, str]]:
    return [(row.where, row.what) for row in found.worse]


def lose(points: float) -> Change:
    return lambda document: first_run(document).update(miou=first_run(document)["miou"] - points / 100)


def slower(factor: float) -> Change:
    return lambda document: first_run(document)["latency_ms"].update(
        p50=first_run(document)["latency_ms"]["p50"] * factor
    )


def lose_hat(points: float) -> Change:
    def change(document: Document) -> None:
        first_run(document)["per_class_iou"]["hair"] -= points / 100

    return change


def test_a_run_against_itself_is_the_same() -> None:
    found = compared(lambda document: None)
    assert found.changed == ()
    assert headline(found) == "Nothing changed."
    assert found.to_json()["status"] == "same"


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (lose(0.6), "tflite-float32 in litert (xnnpack)", "mean IoU"),
        (lose_hat(1.1), "tflite-float32 in litert (xnnpack)", "IoU of hair"),
        (slower(1.3), "tflite-float32 in litert (xnnpack)", "p50"),
        (lambda document: document["artifacts"][0].update(size_bytes=10_000_000), "tflite-float32", "size"),
        (lambda document: document["artifacts"][0]["verdict"].update(status="fail"), "tflite-float32", "verdict"),
        (lambda document: document["artifacts"].pop(0), "tflite-float32", "artifact"),
        (lambda document: document["artifacts"][0].update(runs=[]), "tflite-float32", "accuracy"),
    ],
)
def test_worse_beyond_the_limit(change: Change, where: str, what: str) -> None:
    assert worse(compared(change)) == [(where, what)]


def test_runs_at_other_sizes_say_why_and_show_no_python() -> None:
    def change(document: Document) -> None:
        document["model"]["inputs"][0].update(height=48, width=80)
        for artifact in document["artifacts"]:
            for run in artifact["runs"]:
                run["evaluated_at"] = [48, 80]

    found = compared(change)
    (row,) = [row for row in found.worse if row.where == "tflite-float32"]
    assert row.note == (
        "no run of B can be held against one of A: judged on different output sizes: 256 x 256 and 48 x 80"
    )
    text = render_markdown(found)
    assert "| model inputs | height | 256 | 48 |" in text
    assert "[" not in text and "{" not in text


@pytest.mark.parametrize("change", [lose(0.4), lose_hat(0.9), slower(1.15), lose(-0.4)])
def test_changes_within_the_limits_are_shown_and_pass(change: Change) -> None:
    found = compared(change)
    assert [row.finding for row in found.changed] == ["changed"]
    assert found.to_json()["status"] == "changed"


def test_exactly_the_limit_passes() -> None:
    assert worse(compared(lose(0.5))) == []
    assert worse(compared(slower(1.2))) == []


def test_improvements_are_named() -> None:
    assert [row.finding for row in compared(lose(-2.0)).changed] == ["better"]
    assert [row.finding for row in compared(slower(0.5)).changed] == ["better"]


def test_limits_are_the_caller_s() -> None:
    assert worse(compared(lose(0.6), CompareLimits(miou_drop=0.01))) == []
    assert worse(compared(slower(1.02), CompareLimits(latency_growth=0.0)))
    with pytest.raises(UsageError, match="--max-class-drop -1"):
        CompareLimits(class_drop=-1)
    with pytest.raises(UsageError, match="--max-miou-drop"):
        CompareLimits(miou_drop=float("nan"))


def test_another_processor_is_not_held_to_the_latency_limit_and_that_is_said() -> None:
    def change(document: Document) -> None:
        document["environment"]["processor"] = "Another Processor"
        slower(9)(document)

    found = compared(change)
    assert worse(found) == []
    assert "Another Processor" in found.notes[0]
    row = next(row for row in found.rows if row.what == "p50" and row.finding == "changed")
    assert row.note == "not held against the limit: another processor"


def test_other_threads_are_not_held_to_the_latency_limit() -> None:
    def change(document: Document) -> None:
        first_run(document)["threads"] = 1
        slower(9)(document)

    assert worse(compared(change)) == []


def test_the_same_named_machine_is_held_to_it_wherever_the_report_was_made() -> None:
    before, after = sample(), sample()
    for document in (before, after):
        first_run(document)["machine"] = "iPhone 0"
    after["environment"]["processor"] = "Another Processor"
    slower(2)(after)
    found = compare_runs(check(before), check(after), CompareLimits())
    assert worse(found) == [("tflite-float32 in litert (xnnpack) on iPhone 0", "p50")]


@pytest.mark.parametrize(("shift", "words"), [(0.0, "95 % intervals overlap"), (-0.3, "95 % intervals lie apart")])
def test_intervals_are_told(shift: float, words: str) -> None:
    def change(document: Document) -> None:
        lose(0.6)(document)
        run = first_run(document)
        run["delta_miou_ci95"] = [bound + shift for bound in run["delta_miou_ci95"]]

    (row,) = compared(change).worse
    assert row.note == words


@pytest.mark.parametrize(("key", "value"), [("images", 3), ("evaluated_at", [128, 128])])
def test_runs_on_other_pictures_or_sizes_are_not_held_against_each_other(key: str, value: object) -> None:
    def change(document: Document) -> None:
        lose(9)(document)
        first_run(document)[key] = value

    found = compared(change)
    assert worse(found) == []
    assert any("judged on different" in row.note for row in found.changed)


def test_no_evidence_left_is_worse() -> None:
    after = not_run_sample()
    found = compare_runs(check(sample()), check(after), CompareLimits())
    assert ("coreml-float32", "accuracy") in worse(found)
    assert ("tflite-float16", "verdict") in worse(found)


def test_versions_recipes_and_new_artifacts_are_changes() -> None:
    def change(document: Document) -> None:
        document["environment"]["packages"]["torch"] = "9.9"
        document["artifacts"][0]["provenance"]["tool"] = "10.0"
        document["artifacts"].append({**copy.deepcopy(document["artifacts"][0]), "name": "new-one"})

    shown = {(row.where, row.what) for row in compared(change).changed}
    assert shown == {("environment packages", "torch"), ("tflite-float32 provenance", "tool"), ("new-one", "artifact")}


def test_other_pictures_or_classes_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="different pictures"):
        compared(lambda document: document["dataset"].update(digest="cd" * 32))
    with pytest.raises(UsageError, match="different classes"):
        compared(lambda document: document["model"]["classes"].reverse())


def test_markdown_has_the_answer_and_a_table_that_pipes_cannot_break() -> None:
    text = render_markdown(compared(lambda document: document["environment"].update(python="3|4")))
    assert text.startswith("**Nothing got worse beyond the limits; 1 thing changed.**")
    assert "| environment | python | 3.11.9 | 3\\|4 |  | changed |" in text
    assert "mean IoU -0.50 pt, a class -1.00 pt, latency +20%, size +5%, instructions +1%" in text


def folder(root: Path, document: Document, options: Document | None = None) -> str:
    root.mkdir()
    (root / "report.json").write_text(json.dumps(document))
    (root / "manifest.json").write_text(json.dumps(least_manifest(schema=1, options=options or {})))
    return str(root)


def test_command_line_statuses_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = folder(tmp_path / "a", sample(), {"threads": 1, "out": "a"})
    bad = sample()
    lose(3)(bad)
    after = folder(tmp_path / "b", bad, {"threads": 2, "out": "b"})
    assert run_command(["compare", before, before]) == 0
    assert "Nothing changed." in capsys.readouterr().out
    files = ["--json", str(tmp_path / "c.json"), "--markdown", str(tmp_path / "c.md")]
    assert run_command(["compare", before, after, *files]) == 1
    assert "1 figure got worse" in capsys.readouterr().out
    written = json.loads((tmp_path / "c.json").read_text())
    assert (written["schema"], written["status"], written["limits"]["class_drop"]) == (1, "worse", 0.01)
    (row,) = [row for row in written["rows"] if row["finding"] == "worse"]
    assert row["change"] == pytest.approx(-0.03)
    assert {row["what"] for row in written["rows"] if row["where"] == "options"} == {"threads"}
    assert "-3.00 pt" in (tmp_path / "c.md").read_text()
    assert run_command(["compare", before, after, "--max-miou-drop", "0.05"]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a", "nowhere"], "there is no nowhere/report.json"),
        (["a", "damaged"], "cannot be read"),
        (["a"], "RUN_B"),
        (["a", "a", "--max-size-growth", "-1"], "--max-size-growth"),
        (["a", "a", "--json", "a/report.json/x"], "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence_and_2(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "a", sample())
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "report.json").write_text("{")
    assert run_command(["compare", *arguments]) == 2
    errors = capsys.readouterr().err
    assert says in errors
    assert "Traceback" not in errors
