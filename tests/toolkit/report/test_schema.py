"""report.json: the JSON Schema that is shipped, what passes, and what is refused with a sentence that says where."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.toolkit.report.sample import not_run_sample, sample
from toolkit.document.schema import SCHEMA_FILE, check, json_schema, load_report, write_report
from toolkit.errors import UsageError


def test_shipped_schema_is_the_one_the_models_give() -> None:
    shipped = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert shipped == json_schema(), "the models changed: write json.dumps(json_schema(), indent=2) to schema.json"


def test_schema_is_draft_2020_12_and_takes_what_check_takes() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for document in (sample(), not_run_sample()):
        jsonschema.Draft202012Validator(schema).validate(document)
        check(document)


def test_added_keys_are_kept() -> None:
    document = sample() | {"house": "added"}
    document["artifacts"][0]["runs"][0]["colour"] = "added"
    checked = check(document)
    assert checked.model_extra == {"house": "added"}
    assert checked.to_json() == document


def minimal() -> dict[str, Any]:
    """Nothing but what schema 1 fixes."""
    return {
        "schema": 1,
        "model": {"name": "m", "parameters": 1, "weights_sha256": "0", "inputs": [], "classes": ["a"]},
        "dataset": {"name": "d", "split": "test", "images": 1, "digest": "0"},
        "environment": {},
        "reference": {"runner": "torch", "miou": 1, "mean_f1": 1.0, "per_class_iou": {"a": None}, "latency_ms": None},
        "artifacts": [],
    }


def test_only_the_fixed_keys_are_needed() -> None:
    assert check(minimal()).reference.miou == 1


WRONG: dict[str, tuple[tuple[str | int, ...], Any, str]] = {
    "miou above one": (("artifacts", 1, "runs", 0, "miou"), 1.3, "artifacts[1].runs[0].miou"),
    "a number as text": (("artifacts", 0, "size_bytes"), "12", "artifacts[0].size_bytes"),
    "status unknown": (("artifacts", 0, "runs", 0, "status"), "skipped", "artifacts[0].runs[0].status"),
    "interval of three": (("artifacts", 0, "runs", 0, "delta_miou_ci95"), [0, 0, 0], "delta_miou_ci95"),
    "no samples": (("reference", "latency_ms", "samples"), 0, "reference.latency_ms.samples"),
    "class unknown": (("reference", "per_class_iou"), {"tail": 0.1}, "reference scores tail"),
    "class twice": (("model", "classes"), ["a", "a"], "a class is named twice"),
    "too few colours": (("model", "colours"), [[0, 0, 0]], "1 colours"),
    "colour out of range": (("model", "colours", 0), [0, 0, 256], "model.colours[0][2]"),
    "artifact twice": (("artifacts", 1, "name"), "tflite-float32", "an artifact is named twice"),
    "not a number": (("reference", "miou"), float("nan"), "cannot be written as JSON"),
    "another schema": (("schema",), 2, "schema 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_place(case: str) -> None:
    path, value, said = WRONG[case]
    document: Any = copy.deepcopy(sample())
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(UsageError) as error:
        check(document)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_key_is_named() -> None:
    document = minimal()
    del document["dataset"]["digest"]
    with pytest.raises(UsageError, match=r"dataset\.digest"):
        check(document)


def test_written_reports_load_again(tmp_path: Path) -> None:
    write_report(check(sample()), tmp_path / "report.json")
    assert load_report(tmp_path / "report.json").to_json() == sample()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_wrong_report_leaves_the_old_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report = check(sample())
    write_report(report, path)
    before = path.read_bytes()
    twice = report.model_copy(update={"artifacts": [*report.artifacts, report.artifacts[0]]})
    with pytest.raises(UsageError, match="named twice"):
        write_report(twice, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", "\xff"])
def test_unreadable_files_are_one_sentence(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"report\.json"):
        load_report(path)


def test_a_change_without_a_score_is_refused() -> None:
    document = copy.deepcopy(sample())
    run = next(run for item in document["artifacts"] for run in item["runs"] if run["delta_per_class_iou"])
    name = next(iter(run["delta_per_class_iou"]))
    del run["per_class_iou"][name]
    with pytest.raises(UsageError, match=f"has a change but no score for '{name}'"):
        check(document)
