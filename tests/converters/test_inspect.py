"""Descriptions of artifacts, and what is said of files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from converters import OutputKind, SourceError
from converters.formats.coreml.file.functions import join_functions
from converters.formats.coreml.file.program import read_program
from converters.formats.tflite.file.flatbuffer import read_model
from converters.inspect import describe
from tests.converters.making import Made


def values(path: Path, section: str) -> dict[str, str]:
    return {item.key: item.value for item in describe(path) if item.section == section}


def test_tflite_facts(made: Made) -> None:
    path = made("tflite")["int8_static"].path
    assert values(path, "signature serving_default") == {
        "input image": "float32 1 x 64 x 48 x 3",
        "output logits": "float32 1 x 40 x 56 x 5",
    }
    operators = values(path, "operators")
    assert operators["CONV_2D"] == "7" and operators["RESIZE_BILINEAR"] == "1"
    assert sum(map(int, operators.values())) == len(read_model(path).graphs[0].operators)
    assert values(path, "activation tensors")["float32"] == "2"
    assert set(values(path, "constants")) == {"int8", "int32"}
    float_path = made("tflite")["float32"].path
    stored = int(values(float_path, "constants")["float32"].removesuffix(" bytes").replace(",", ""))
    assert 0.6 * float_path.stat().st_size < stored < float_path.stat().st_size


def test_core_ml_facts(made: Made) -> None:
    path = made("coreml")["int8_weights"].path
    assert values(path, "format")["deployment target"] == "iOS16"
    assert values(path, "interface")["input image"] == "picture image RGB 64 x 48"
    assert values(path, "operators")["conv"] == "7"
    assert set(values(path, "constants")) == {"int8", "float16"}
    assert values(path, "metadata")["segport.recipe"] == "int8_weights"


def test_every_function_of_a_package_is_described(made: Made, tmp_path: Path) -> None:
    """Two programs with different answers in one package."""
    kinds = {"scores": OutputKind.LOGITS, "ids": OutputKind.LABELS}
    parts = {name: made("coreml", kind)["palette8"].path for name, kind in kinds.items()}
    join_functions(parts, "ids", tmp_path / "both.mlpackage")
    facts = {(fact.section, fact.key): fact.value for fact in describe(tmp_path / "both.mlpackage")}
    assert facts["format", "functions"] == "scores, ids"
    assert facts["function scores", "output logits"] == "array logits float32 1 x 5 x 40 x 56"
    assert facts["function ids", "output labels"] == "array labels int32 1 x 40 x 56"
    for name in kinds:
        assert facts[f"function {name}", "input image"] == "picture image RGB 64 x 48"
    (answer,) = read_program(tmp_path / "both.mlpackage").outputs
    assert answer.name == "labels"


def test_onnx_facts(made: Made) -> None:
    path = made("onnx")["float32"].path
    assert values(path, "format")["opset ai.onnx"] == "17"
    assert values(path, "interface") == {
        "input image": "float32 1 x 3 x 64 x 48",
        "output logits": "float32 1 x 5 x 40 x 56",
    }
    assert values(path, "operators")["Conv"] == "7"
    assert "float32" in values(path, "constants")


@pytest.mark.parametrize("suffix", [".tflite", ".mlpackage", ".onnx"])
def test_missing_and_damaged_artifacts(made: Made, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    with pytest.raises(SourceError, match="does not exist"):
        describe(path)
    if suffix == ".mlpackage":
        path.mkdir()
        (path / "Manifest.json").write_text("{}")
    else:
        path.write_text("this is text, and long enough to be looked at")
    with pytest.raises(SourceError, match="convert the model again"):
        describe(path)


def test_truncated_tflite(made: Made, tmp_path: Path) -> None:
    content = made("tflite")["float32"].path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path = tmp_path / "cut.tflite"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(SourceError, match="convert the model again"):
            describe(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_text("x")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(SourceError, match=r"none of the artifacts known here: \.tflite, \.mlpackage, \.onnx"):
        describe(tmp_path / "model.pt")
    with pytest.raises(SourceError, match="is a folder"):
        describe(tmp_path / "folder.onnx")
