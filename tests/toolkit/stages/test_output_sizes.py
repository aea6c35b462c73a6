"""`--output-sizes` as a person uses it: one artifact a recipe, a run at every size, a table to choose from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fpliif import save_checkpoint
from segdata import FACE11
from segdata.faces.synthetic import SyntheticFaces
from segdata.subset import FirstSamples
from tests.fpliif.tiny_fpliif import scrambled, tiny_config
from toolkit.cli import run_command
from toolkit.errors import ExitStatus, UsageError
from toolkit.models import default_output_size, load_source
from toolkit.options import RunOptions, make_options

SIZES = [[16, 16], [48, 48]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny FP-LIIF for faces and one finished run in `out`."""
    root = tmp_path_factory.mktemp("sizes")
    save_checkpoint(scrambled(tiny_config(classes=len(FACE11.names))), FACE11, root / "tiny.safetensors")
    arguments = [
        "--model",
        str(root / "tiny.safetensors"),
        "--input-size",
        "32",
        "--output-sizes",
        "16,48",
        "--images",
        "3",
        "--recipes",
        "float32",
        "--latency-samples",
        "2",
        "--threads",
        "1",
        "--examples",
        "1",
        "--out",
        str(root / "out"),
    ]
    assert run_command(["run", *arguments, "--runners", "litert,milrun,onnxruntime", "--quiet"]) == ExitStatus.PASS
    return root


def report(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / "out" / "report.json").read_text())
    return document


def by_name(root: Path) -> dict[str, dict[str, Any]]:
    return {artifact["name"]: artifact for artifact in report(root)["artifacts"]}


def test_one_artifact_a_recipe_and_a_run_at_every_size(place: Path) -> None:
    found = by_name(place)
    assert set(found) == {"tflite-float32", "coreml-float32", "onnx-float32"}
    for name in ("tflite-float32", "coreml-float32"):
        artifact = found[name]
        assert [item["name"] for item in artifact["signatures"]] == ["size_16", "size_48"]
        assert [run["output_size"] for run in artifact["runs"]] == SIZES
        assert [run["evaluated_at"] for run in artifact["runs"]] == SIZES
        assert [run["signature"] for run in artifact["runs"]] == ["size_16", "size_48"]
        assert all(run["status"] == "measured" and abs(run["delta_miou"]) < 1e-3 for run in artifact["runs"])
        assert artifact["verdict"]["status"] == "pass"
        assert sum(f"at {size} x {size}" in " ".join(artifact["verdict"]["reasons"]) for size in (16, 48)) == 2
    assert all(run["latency_ms"]["samples"] == 2 for run in found["tflite-float32"]["runs"])


def test_a_format_with_one_size_a_file_keeps_the_default_and_says_so(place: Path) -> None:
    artifact = by_name(place)["onnx-float32"]
    assert artifact["signatures"] == []
    assert [run["output_size"] for run in artifact["runs"]] == [[48, 48]]
    assert "one size a file" in artifact["provenance"]["output sizes"]


def test_the_reference_is_measured_at_every_size(place: Path) -> None:
    reference = report(place)["reference"]
    assert reference["evaluated_at"] == [48, 48]
    assert [item["output_size"] for item in reference["sizes"]] == SIZES
    assert reference["sizes"][1]["miou"] == reference["miou"]
    assert reference["sizes"][0]["miou"] != reference["miou"]
    assert all(item["latency_ms"]["samples"] == 2 for item in reference["sizes"])


def test_every_report_has_the_table(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["report", str(place / "out")]) == ExitStatus.PASS
    shown = capsys.readouterr().out
    markdown = (place / "out" / "report.md").read_text()
    page = (place / "out" / "report.html").read_text()
    assert "## Output sizes" in markdown
    assert 'id="sizes"' in page
    for size in (16, 48):
        for text in (shown, markdown, page):
            assert f"{size} x {size}" in text
    sizes = markdown.partition("## Output sizes")[2].partition("\n## ")[0]
    assert sizes.count("| tflite-float32 | litert (xnnpack) |") == len(SIZES)


def test_validate_and_bench_at_one_of_the_sizes(place: Path) -> None:
    folder = str(place / "out")
    before = {tuple(run["output_size"]): run for run in by_name(place)["tflite-float32"]["runs"]}
    some = ["--output-sizes", "16", "--runners", "litert", "--quiet"]
    assert run_command(["validate", folder, *some]) == ExitStatus.PASS  # what litert does not take fails nothing
    runs = by_name(place)["tflite-float32"]["runs"]
    assert [run["output_size"] for run in runs] == SIZES[:1]
    assert report(place)["reference"]["evaluated_at"] == [16, 16]
    for run in runs:
        old = before[tuple(run["output_size"])]
        assert (run["miou"], run["latency_ms"]) == (old["miou"], old["latency_ms"])
    run_command(["bench", folder, *some, "--latency-samples", "3"])
    again = by_name(place)["tflite-float32"]["runs"]
    assert [(run["miou"], run["latency_ms"]["samples"]) for run in again] == [(run["miou"], 3) for run in runs]
    assert [item["latency_ms"]["samples"] for item in report(place)["reference"]["sizes"]] == [3]


def test_a_size_that_was_not_made_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run_command(["validate", str(place / "out"), "--output-sizes", "16,20", "--quiet"])
    assert status == ExitStatus.BAD_INPUT
    assert "does not answer at 20 x 20" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["somebody:network", "net.onnx"])
def test_a_model_with_one_size_is_refused(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--model", model, "--output-sizes", "64,128", "--out", str(tmp_path / "out")]
    assert run_command(arguments) == ExitStatus.BAD_INPUT
    said = capsys.readouterr().err
    assert f"{model} answers at one, so leave it out" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"output_sizes": "64,64"}, "a size is named twice"),
        ({"output_sizes": "64,big"}, "give a size like 256"),
        ({"output_sizes": "64,4"}, "greater than or equal to 8"),
        ({"output_sizes": "64,128", "output_size": "256"}, "256x256 is not among --output-sizes"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_source(make_options(given))


def test_sizes_come_from_text_numbers_and_files(tmp_path: Path) -> None:
    expected = ((64, 64), (256, 320))
    (tmp_path / "run.toml").write_text('output-sizes = [64, "256x320"]\n')
    assert make_options({}, tmp_path / "run.toml").output_sizes == expected
    assert make_options({"output_sizes": "64, 256x320"}).output_sizes == expected
    assert RunOptions.model_validate(RunOptions(output_sizes=expected).model_dump(mode="json")).output_sizes == expected


def test_labels_are_those_drawn_at_the_size_of_the_answer() -> None:
    faces = SyntheticFaces("test", FACE11, 32, 2)
    first = FirstSamples(faces, 1)
    for size in (16, 48):
        exact = first.mask_at(0, size, size)
        assert exact is not None
        np.testing.assert_array_equal(exact, faces.masks_at(0, [size])[size])
    # No such labels: they are taken from the picture's own instead.
    assert first.mask_at(0, 16, 20) is None
    assert first.mask_at(0, 8, 8) is None


def test_the_default_size() -> None:
    assert default_output_size(RunOptions()) == (256, 256)
    assert default_output_size(RunOptions(output_sizes=((64, 64), (256, 256)))) == (256, 256)
    assert default_output_size(RunOptions(output_sizes=((64, 64), (512, 512), (128, 128)))) == (512, 512)
    assert default_output_size(RunOptions(output_sizes=((64, 64), (512, 512)), output_size=(64, 64))) == (64, 64)
