"""A quantized artifact that wins nothing is found out, with the operations that cost it the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolkit.worth import worth_checks


def entry(
    recipe: str, size: int, p50: float | None, *, runner: str = "litert", lint: dict[str, int] | None = None
) -> dict[str, Any]:
    timed = None if p50 is None else {"p50": p50}
    findings = [{"splits": True, "operations": lint or {}}, {"splits": False, "operations": {"CONV_2D": 7}}]
    return {
        "name": f"tflite-{recipe}", "format": "tflite", "recipe": recipe, "path": "x", "size_bytes": size,
        "runs": [{"runner": runner, "backend": "xnnpack", "threads": 2, "latency_ms": timed, "output_size": [8, 8]}],
        "lint": [{"target": "xnnpack", "findings": findings}],
    }  # fmt: skip


FLOAT = entry("float32", 9_000_000, 100.0)


@pytest.mark.parametrize(
    ("made", "status", "says"),
    [
        (entry("int8_static", 2_500_000, 30.0), "pass", "smaller and faster"),
        (entry("int8_static", 2_500_000, 99.0), "pass", "is smaller than"),
        (entry("int8_static", 9_100_000, 50.0), "pass", "is faster than"),
        (
            entry("int8_static", 8_900_000, 98.0),
            "fail",
            "neither smaller (8.90 MB against 9.00) nor faster (98.0 ms against 100.0",
        ),
        (entry("int8_static", 2_500_000, 270.0), "warn", "2.7 times slower"),
        (
            entry("int16x8", 2_500_000, 34_000.0, lint={"CONV_2D": 61, "ADD": 30}),
            "warn",
            "leaves out: 61 CONV_2D, 30 ADD",
        ),
        (entry("int16x8", 9_500_000, 34_000.0, lint={"CONV_2D": 61}), "fail", "61 CONV_2D"),
        (entry("int8_static", 2_500_000, 270.0), "warn", "integer kernels themselves are slow"),
        (entry("int8_static", 2_500_000, None), "not_run", "no runtime timed both"),
        (entry("int8_static", 2_500_000, 30.0, runner="tflite-runtime"), "not_run", "no runtime timed both"),
    ],
)
def test_findings(made: dict[str, Any], status: str, says: str) -> None:
    (check,) = worth_checks([FLOAT, made])
    assert (check["name"], check["artifact"], check["status"]) == ("worth", made["name"], status)
    assert says in check["message"]


def test_without_a_float_artifact_there_is_nothing_to_compare_with() -> None:
    (check,) = worth_checks([entry("int8_static", 1, 1.0)])
    assert check["status"] == "not_run" and "recipe float32" in check["message"]
    assert worth_checks([FLOAT, {**FLOAT, "name": "tflite-float16", "recipe": "float16"}]) == []


def test_a_real_file_without_fast_kernels_is_named(tmp_path: Path) -> None:
    """int16x8 of the small network: LiteRT has plain kernels for it only, and the lint says which operations."""
    from converters import make_plan
    from converters.perform import perform
    from quantization import recipe
    from tests.converters import small_network as small
    from toolkit.linting import with_lint
    from toolkit.run_folder import RunFolder
    from validation.latency import LatencySettings, measure_latency
    from validation.runner import runners

    folder, pictures = RunFolder(tmp_path), small.calibration()
    wanted = [("tflite", recipe(name)) for name in ("float32", "int16x8")]
    outcomes = perform(
        make_plan(small.small_source(), wanted, calibration=pictures.digest()), folder.artifacts, pictures
    )
    entries = []
    for outcome in outcomes:
        artifact = outcome.artifact
        assert artifact is not None, outcome.error
        timed = measure_latency(
            runners()["litert"](artifact, "xnnpack", 1), small.pictures(1)[0], LatencySettings(samples=5, min_samples=3)
        )
        run = {
            "runner": "litert",
            "backend": "xnnpack",
            "threads": 1,
            "latency_ms": {"p50": timed.p50},
            "output_size": None,
        }
        entries.append({
            "name": artifact.name, "format": "tflite", "recipe": artifact.recipe, "path": artifact.to_json(folder.root)["path"],
            "size_bytes": artifact.size_bytes, "runs": [run],
        })  # fmt: skip
    (check,) = worth_checks(with_lint(entries, folder))
    assert check["status"] in ("warn", "fail"), check
    assert "CONV_2D" in check["message"]
