"""Results that come back from another machine: what is taken over, what is refused, and that nothing is forgotten."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.devices.bundled_run import Simulated, finished_run, measured, unpacked
from toolkit.cli import run_command
from toolkit.devices import script as measure

Document = dict[str, Any]
MACHINE = "Test Chip (Mac0,0)"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run and its unpacked bundle beside it; tests work on copies."""
    root = tmp_path_factory.mktemp("merge")
    finished_run(root)
    unpacked(root / "bundle.zip", root / "bundle")
    measured(root / "bundle", root / "result.json", Simulated(refuses=("cpu_and_gpu",)), tuple(measure.UNITS))
    return root


@pytest.fixture
def place(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(pristine, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


def report(place: Path) -> Document:
    found: Document = json.loads((place / "out" / "report.json").read_text())
    return found


def rows(document: Document, artifact: str = "coreml-float16") -> list[Document]:
    found: list[Document] = next(item for item in document["artifacts"] if item["name"] == artifact)["runs"]
    return found


def changed(place: Path, change: Callable[[Document], object], name: str = "changed.json") -> str:
    result = json.loads((place / "result.json").read_text())
    change(result)
    (place / name).write_text(json.dumps(result))
    return name


def only_measured(result: Document) -> None:
    result["runs"] = [run for run in result["runs"] if run["status"] == "measured"]


def test_measured_rows_take_the_place_of_not_run_ones(place: Path) -> None:
    before = report(place)
    assert run_command(["report", "out", "--merge", changed(place, only_measured)]) == 0
    after = report(place)
    merged = {run["backend"]: run for run in rows(after) if run["machine"] == MACHINE}
    assert set(merged) == {"all", "cpu_only", "cpu_and_ne"}
    assert not [run for run in rows(after) if run["runner"] == "coreml" and run["status"] == "not_run"]
    milrun = next(run for run in rows(before) if run["runner"] == "milrun")
    for run in merged.values():
        assert (run["status"], run["latency_status"], run["images"]) == ("measured", "measured", 4)
        assert run["latency_ms"]["p50"] == pytest.approx(5.5)
        for key in (
            "miou",
            "mean_f1",
            "per_class_iou",
            "delta_miou",
            "delta_miou_ci95",
            "pixel_agreement",
            "class_flips",
        ):
            assert run[key] == milrun[key], key
        assert run["machine_details"]["system"] == "macOS"
        assert run["compute_plan"]["operations"] == {"cpu": 1, "neural_engine": 1}
    verdict = next(item for item in after["artifacts"] if item["name"] == "coreml-float16")["verdict"]
    assert verdict["status"] == "pass"
    assert any(f"coreml (all) on {MACHINE}" in reason for reason in verdict["reasons"])
    for name in ("report.md", "report.html"):
        assert MACHINE in (place / "out" / name).read_text()


def test_twice_is_once_and_a_redraw_or_validation_forgets_nothing(place: Path) -> None:
    name = changed(place, only_measured)
    assert run_command(["report", "out", "--merge", name]) == 0
    once = report(place)
    assert run_command(["report", "out", "--merge", name, "--merge", name]) == 0
    assert report(place) == once
    assert run_command(["report", "out"]) == 0
    assert report(place) == once
    assert run_command(["validate", "out", "--quiet"]) == 0
    assert [run for run in rows(report(place)) if run["machine"]] == [run for run in rows(once) if run["machine"]]


def test_failed_run_on_a_device_fails_the_artifact(place: Path) -> None:
    assert run_command(["report", "out", "--merge", "result.json"]) == 4
    verdict = next(item for item in report(place)["artifacts"] if item["name"] == "coreml-float16")["verdict"]
    assert verdict["status"] == "fail"
    assert f"coreml (cpu_and_gpu) on {MACHINE} failed: no such unit" in verdict["reasons"]


def test_wrong_answers_on_a_device_break_the_gates(place: Path) -> None:
    def everything_is_class_0(result: Document) -> None:
        only_measured(result)
        for run in result["runs"]:
            for picture in run["pictures"]:
                picture["confusion"] = [[sum(row), 0, 0] for row in picture["confusion"]]
            run["class_flips"] = [[sum(row), 0, 0] for row in run["class_flips"]]

    assert run_command(["report", "out", "--merge", changed(place, everything_is_class_0)]) == 1
    assert all(artifact["verdict"]["status"] == "fail" for artifact in report(place)["artifacts"])
    run = next(run for run in rows(report(place)) if run["machine"])
    assert set(run["lost_classes"]) == {"green", "blue"}


def test_newer_result_of_the_same_machine_replaces_and_another_machine_is_added(place: Path) -> None:
    def newer(result: Document) -> None:
        only_measured(result)
        result["created"] = "9999-01-01T00:00:00+00:00"
        for run in result["runs"]:
            run["latency_ms"] |= dict.fromkeys(("p50", "p90", "p95", "p99", "mean", "min", "max"), 7.0)

    def elsewhere(result: Document) -> None:
        only_measured(result)
        result["machine"]["name"] = "iPhone 0"

    names = [
        changed(place, only_measured),
        changed(place, newer, "newer.json"),
        changed(place, elsewhere, "other.json"),
    ]
    # Given in another order than they were made in: the time of the measurement decides.
    arguments = [word for name in (names[1], names[0], names[2]) for word in ("--merge", name)]
    assert run_command(["report", "out", *arguments]) == 0
    medians = {
        (run["machine"], run["backend"]): run["latency_ms"]["p50"] for run in rows(report(place)) if run["machine"]
    }
    assert medians[MACHINE, "all"] == 7.0
    assert medians["iPhone 0", "all"] == pytest.approx(5.5)
    assert len(medians) == 6


def test_answers_to_pictures_that_no_longer_judge_are_not_shown_as_accuracy(place: Path) -> None:
    assert run_command(["report", "out", "--merge", changed(place, only_measured)]) == 0
    assert run_command(["validate", "out", "--images", "3", "--quiet"]) == 0
    merged = [run for run in rows(report(place)) if run["machine"]]
    assert merged
    for run in merged:
        assert (run["status"], run["miou"]) == ("not_run", None)
        assert "no longer judge" in run["reason"]
        assert run["latency_ms"]["p50"] == pytest.approx(5.5)


def test_bench_here_keeps_what_was_measured_there_and_does_not_borrow_it(place: Path) -> None:
    assert run_command(["report", "out", "--merge", changed(place, only_measured)]) == 0
    merged = [run for run in rows(report(place)) if run["machine"]]
    assert run_command(["bench", "out", "--latency-samples", "2", "--runners", "coreml,milrun", "--quiet"]) == 0
    assert [run for run in rows(report(place)) if run["machine"]] == merged
    own = [run for run in rows(report(place)) if not run["machine"] and run["runner"] == "coreml"]
    assert all(run["status"] == "not_run" and run["miou"] is None for run in own)


def test_latency_without_a_bundle_is_taken_from_any_runtime(place: Path) -> None:
    def handmade(result: Document) -> None:
        only_measured(result)
        result["bundle_sha256"] = None
        result["machine"] |= {"name": "Phone 1", "system": "Android"}
        result["runs"] = [
            {key: run[key] for key in ("artifact", "sha256", "threads", "status", "reason", "latency_ms")}
            | {"runner": "another-runtime", "backend": "gpu"}
            for run in result["runs"][:1]
        ]

    assert run_command(["report", "out", "--merge", changed(place, handmade)]) == 0
    run = next(run for run in rows(report(place), "coreml-float32") if run["machine"])
    assert (run["runner"], run["latency_status"], run["status"]) == ("another-runtime", "measured", "not_run")


def set_in_run(key: str, value: Any) -> Callable[[Document], object]:
    return lambda result: result["runs"][0].update({key: value})


def miscount(result: Document) -> None:
    result["runs"][0]["pictures"][0]["confusion"][0][0] += 1


def reorder(result: Document) -> None:
    result["runs"][0]["pictures"].reverse()


def faster_than_the_fastest(result: Document) -> None:
    result["runs"][0]["latency_ms"]["p50"] = 0.1


def nothing_measured(result: Document) -> None:
    for run in result["runs"]:
        run |= {"status": "not_run", "reason": "no Mac", "latency_ms": None, "pictures": [], "class_flips": None}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda result: result.update(schema=2), "schema 1"),
        (lambda result: result.update(kind="other"), "no result"),
        (lambda result: result.update(house="added"), "house"),
        (lambda result: result.update(bundle_sha256="0" * 64), "was not made from"),
        (lambda result: result.update(bundle_sha256=None), "no bundle is named"),
        (lambda result: result["runs"].append(copy.deepcopy(result["runs"][0])), "listed twice"),
        (set_in_run("sha256", "0" * 64), "another file"),
        (set_in_run("artifact", "coreml-int3"), "does not hold"),
        (set_in_run("latency_ms", {"p50": 1.0}), "latency_ms"),
        (set_in_run("threads", "four"), "threads"),
        (miscount, "do not count the pixels"),
        (reorder, "not to the bundle's pictures"),
        (faster_than_the_fastest, "not in order"),
        (nothing_measured, "holds no measurement (no Mac)"),
    ],
)
def test_unsound_results_change_nothing(
    place: Path, change: Callable[[Document], object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (place / "out" / "report.json").read_bytes()
    sound = changed(place, only_measured, "sound.json")
    assert run_command(["report", "out", "--merge", sound, "--merge", changed(place, change)]) == 2
    errors = capsys.readouterr().err
    assert says in errors
    assert errors.count("\n") == 1
    assert (place / "out" / "report.json").read_bytes() == before
    assert not (place / "out" / "devices").exists()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 1}'])
def test_what_is_no_result_file_is_refused(
    place: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (place / "x.json").write_bytes(content)
    assert run_command(["report", "out", "--merge", "x.json"]) == 2
    assert "x.json" in capsys.readouterr().err
    assert not (place / "out" / "devices").exists()
