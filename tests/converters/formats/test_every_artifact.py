"""What holds for every registered format and every recipe it can express."""

from __future__ import annotations

from pathlib import Path

import pytest

from converters import Artifact, OutputKind, SourceError, content_hash, content_size, converter, converters
from converters.inspect import describe
from quantization import recipes
from tests.converters import small_network as small
from tests.converters.making import Made, convert_all

PAIRS = [(name, item.name) for name in converters() for item in recipes().values() if name in item.formats]


@pytest.mark.parametrize("output", OutputKind, ids=lambda item: item.value)
@pytest.mark.parametrize(("format_name", "recipe_name"), PAIRS)
def test_artifact_says_truly_what_it_is(made: Made, format_name: str, recipe_name: str, output: OutputKind) -> None:
    artifact = made(format_name, output)[recipe_name]
    assert artifact.name == f"{format_name}-{recipe_name}"
    assert artifact.path.name == artifact.name + converter(format_name).suffix
    assert artifact.sha256 == content_hash(artifact.path)
    assert artifact.size_bytes == content_size(artifact.path) > 1000
    assert (artifact.image.name, artifact.output.name) == ("image", output.value)
    assert (artifact.image.height, artifact.image.width) == small.INPUT_SIZE
    assert (artifact.output.height, artifact.output.width) == small.OUTPUT_SIZE
    assert artifact.output.kind is output
    assert artifact.output.dtype == {"logits": "float32", "labels": "int32"}[output.value]
    assert artifact.classes == small.CLASSES and artifact.output.classes == len(small.CLASSES)
    assert artifact.provenance["operators"] and artifact.provenance["route"] in converter(format_name).routes


@pytest.mark.parametrize(("format_name", "recipe_name"), PAIRS)
def test_artifact_survives_the_manifest(made: Made, format_name: str, recipe_name: str) -> None:
    artifact = made(format_name)[recipe_name]
    folder = artifact.path.parent
    assert Artifact.from_json(artifact.to_json(folder), folder) == artifact


@pytest.mark.parametrize(("part", "name"), [("image", "height"), ("output", "width"), ("output", "classes")])
@pytest.mark.parametrize("value", [0, -3, 1.5, "64", None])
def test_a_manifest_with_impossible_sizes_is_refused(made: Made, part: str, name: str, value: object) -> None:
    artifact = made("tflite")["float32"]
    document = artifact.to_json(artifact.path.parent)
    document[part] = {**document[part], name: value}
    with pytest.raises(SourceError, match=f"{name} .* must be a whole number of at least 1"):
        Artifact.from_json(document, artifact.path.parent)


@pytest.mark.parametrize(("format_name", "recipe_name"), PAIRS)
def test_artifact_can_be_described(made: Made, format_name: str, recipe_name: str) -> None:
    facts = describe(made(format_name)[recipe_name].path)
    sections = {item.section for item in facts}
    assert {"file", "format", "operators", "constants"} <= sections
    words = " ".join(f"{item.key} {item.value}" for item in facts)
    assert "image" in words and "logits" in words and "40 x 56" in words


@pytest.mark.parametrize("format_name", list(converters()))
def test_converting_again_gives_the_same_bytes(made: Made, format_name: str, tmp_path: Path) -> None:
    again = convert_all(small.small_source(), format_name, OutputKind.LOGITS, None, tmp_path)
    first = made(format_name)
    assert {item.conversion.recipe.name: item.artifact and item.artifact.sha256 for item in again} == {
        name: artifact.sha256 for name, artifact in first.items()
    }


@pytest.mark.parametrize("format_name", list(converters()))
def test_no_machine_path_is_written_into_artifacts(made: Made, format_name: str) -> None:
    here = str(Path(__file__).resolve().parents[3]).encode()
    for artifact in made(format_name).values():
        files = [artifact.path] if artifact.path.is_file() else list(artifact.path.rglob("*.mlmodel"))
        assert files
        for file in files:
            content = file.read_bytes()
            assert here not in content and str(artifact.path.parent).encode() not in content
