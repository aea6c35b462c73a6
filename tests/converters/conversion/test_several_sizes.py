"""One artifact for several output sizes: every signature answers as its own file does, bit for bit, from shared
weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRt
from numpy.typing import NDArray

from converters import Artifact, ModelSource, PixelRange, SourceError, make_plan
from converters.conversion.perform import perform
from converters.conversion.several_sizes import signature_name
from converters.formats.tflite.file.flatbuffer import read_model
from converters.formats.tflite.file.signatures import ALIGNMENT, join_signatures
from fpliif.deploy import deploy
from quantization import recipe
from quantization.calibration import CalibrationSet
from tests.converters.making import artifact_of
from tests.fpliif.tiny_fpliif import scrambled, tiny_config
from validation.milrun import Interpreter as MilRun

INPUT, DEFAULT, SIZES = (32, 32), (40, 48), ((8, 8), (40, 48))
CLASSES = tuple("abcde")
TFLITE, CORE_ML = ("float32", "int8_dynamic", "int8_static"), ("float16", "int8_weights")
PICTURE = np.random.default_rng(5).integers(0, 256, (*INPUT, 3), dtype=np.uint8)


def one_size(size: tuple[int, int]) -> ModelSource:
    return ModelSource(
        name="tiny",
        classes=CLASSES,
        colours=((0, 0, 0),) * 5,
        input_size=INPUT,
        output_size=size,
        pixel_range=PixelRange.UNIT,
        parameters=1,
        weights_sha256="0" * 64,
        origin="tests",
        module=deploy(scrambled(tiny_config()), size, INPUT),
    )


def several() -> ModelSource:
    parts = tuple(one_size(size) for size in SIZES)
    return dataclasses.replace(parts[SIZES.index(DEFAULT)], sizes=parts)


def convert(source: ModelSource, folder: Path) -> dict[str, Artifact]:
    pictures = np.random.default_rng(0).integers(0, 256, (3, *INPUT, 3), dtype=np.uint8)
    calibration = CalibrationSet(pictures, ("a", "b", "c"), "tests")
    wanted = [("tflite", recipe(name)) for name in TFLITE] + [("coreml", recipe(name)) for name in CORE_ML]
    plan = make_plan(source, wanted, calibration=calibration.digest())
    return {item.conversion.name: artifact_of(item) for item in perform(plan, folder, calibration)}


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return convert(several(), tmp_path_factory.mktemp("joined"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], dict[str, Artifact]]:
    """Every size converted in the usual way, in another folder and on its own."""
    return {size: convert(one_size(size), tmp_path_factory.mktemp("alone")) for size in SIZES}


def litert(path: Path, signature: str | None) -> NDArray[Any]:
    image = PICTURE[np.newaxis].astype(np.float32) / np.float32(255)
    answer: NDArray[Any] = LiteRt(str(path)).get_signature_runner(signature)(image=image)["logits"]
    return answer


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TFLITE)
def test_every_signature_answers_as_its_own_file(name: str, size: tuple[int, int], joined: Any, alone: Any) -> None:
    found = litert(joined[f"tflite-{name}"].path, signature_name(size))
    assert found.shape == (1, *size, 5)
    np.testing.assert_array_equal(found, litert(alone[size][f"tflite-{name}"].path, None))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CORE_ML)
def test_every_function_answers_as_its_own_package(name: str, size: tuple[int, int], joined: Any, alone: Any) -> None:
    package = MilRun(joined[f"coreml-{name}"].path, function=signature_name(size))
    found = package.predict({"image": PICTURE})["logits"]
    assert found.shape == (1, 5, *size)
    single = MilRun(alone[size][f"coreml-{name}"].path).predict({"image": PICTURE})["logits"]
    np.testing.assert_array_equal(found, single)


def test_the_default_size_is_what_a_plain_call_runs(joined: Any) -> None:
    interpreter = LiteRt(str(joined["tflite-float32"].path))
    assert tuple(interpreter.get_output_details()[0]["shape"]) == (1, *DEFAULT, 5)
    assert MilRun(joined["coreml-float16"].path).function == signature_name(DEFAULT)


@pytest.mark.parametrize("name", [f"tflite-{name}" for name in TFLITE] + [f"coreml-{name}" for name in CORE_ML])
def test_weights_are_stored_once(name: str, joined: Any, alone: Any) -> None:
    """A further size adds its biases and its graph, never the weights again."""
    sizes = [alone[size][name].size_bytes for size in SIZES]
    graph = 62_000 if name.startswith("coreml") else 42_000
    assert joined[name].size_bytes < max(sizes) + (len(SIZES) - 1) * graph < sum(sizes)


def test_constants_are_aligned_and_stored_once(joined: Any) -> None:
    path = joined["tflite-int8_static"].path
    content = path.read_bytes()
    model = read_model(path)
    assert [len(graph.inputs) for graph in model.graphs] == [1] * len(SIZES)
    from ai_edge_litert import schema_py_generated as schema

    packed = schema.Model.GetRootAs(content, 0)
    seen = set()
    for index in range(packed.BuffersLength()):
        buffer = packed.Buffers(index)
        if buffer.DataIsNone():
            assert index == 0
            continue
        vector = buffer._tab.Vector(buffer._tab.Offset(4))
        assert vector % ALIGNMENT == 0
        data = content[vector : vector + buffer.DataLength()]
        assert data not in seen
        seen.add(data)


def test_artifact_knows_its_sizes(joined: Any, tmp_path: Path) -> None:
    for artifact in joined.values():
        assert artifact.output_sizes == SIZES
        assert (artifact.signature, artifact.needs_choice) == (signature_name(DEFAULT), False)
        other = artifact.at((8, 8))
        assert (other.signature, other.needs_choice) == ("size_8", True)
        assert (other.output.height, other.output.width) == (8, 8)
        document = json.loads(json.dumps(other.to_json(artifact.path.parent)))
        assert Artifact.from_json(document, artifact.path.parent) == other
        with pytest.raises(SourceError, match="does not answer at 9 x 9"):
            artifact.at((9, 9))


def test_metadata_and_hash_of_a_joined_package(joined: Any, tmp_path: Path) -> None:
    from coremltools.proto import Model_pb2

    from converters.formats.coreml.file.functions import join_functions
    from converters.formats.coreml.file.package import MODEL_FILE

    package = joined["coreml-float16"].path
    specification = Model_pb2.Model()
    specification.ParseFromString((package / MODEL_FILE).read_bytes())
    assert specification.specificationVersion == 9
    assert specification.description.metadata.userDefined["segport.recipe"] == "float16"
    assert specification.description.metadata.userDefined["segport.deployment_target"] == "iOS18"
    assert joined["coreml-float16"].provenance["deployment_target"] == "iOS18"
    assert next(item.name for item in specification.description.functions) == signature_name(DEFAULT)
    single = convert_core_ml(tmp_path)
    hashes = []
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        join_functions({"a": single, "b": single}, "a", tmp_path / folder / "both.mlpackage")
        hashes.append((tmp_path / folder / "both.mlpackage" / MODEL_FILE).read_bytes())
    assert hashes[0] == hashes[1]


def convert_core_ml(folder: Path) -> Path:
    (outcome,) = perform(make_plan(one_size((8, 8)), [("coreml", recipe("float16"))]), folder)
    return artifact_of(outcome).path


def test_a_file_with_signatures_cannot_be_joined_again(joined: Any, tmp_path: Path) -> None:
    from converters import ConversionError

    with pytest.raises(ConversionError, match="must hold one graph"):
        join_signatures({"a": joined["tflite-float32"].path}, tmp_path / "again.tflite")


def test_sizes_decide_the_key_and_must_differ() -> None:
    plain = make_plan(one_size(DEFAULT), [("tflite", recipe("float32"))]).conversions[0].key
    assert make_plan(several(), [("tflite", recipe("float32"))]).conversions[0].key != plain
    part = one_size(DEFAULT)
    with pytest.raises(SourceError, match="name each once"):
        dataclasses.replace(part, sizes=(part, part))
    with pytest.raises(SourceError, match="choose from: 8 x 8, 40 x 48"):
        several().at((9, 9))
