"""ONNX artifacts, run by ONNX Runtime; Core ML packages, read back; and ONNX files as sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from converters import Artifact, ConversionError, Layout, ModelSource, OutputKind, PixelRange, SourceError, make_plan
from converters.conversion.perform import perform
from converters.formats import onnx as onnx_format
from converters.formats.coreml.file.program import read_program
from converters.formats.coreml.tool import coremltools
from quantization import recipe
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of, convert_all

COLOURS = ["#000000", "#FFC8B4", "#5A3C1E", "#0080FF", "#DC143C"]


def run_onnx(path: Path, image: NDArray[np.float32]) -> NDArray[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    (found,) = session.run(None, {entry.name: np.ascontiguousarray(np.moveaxis(image, 3, 1))})
    return np.asarray(found)


def test_onnx_equals_torch(made: Made, source: ModelSource) -> None:
    artifact = made("onnx")["float32"]
    image = small.test_image(source)
    found = np.moveaxis(run_onnx(artifact.path, image), 1, 3)
    assert artifact.output.layout is Layout.NCHW
    assert small.decibels(small.torch_logits(source, image), found) > 100


def test_onnx_label_map_is_the_argmax(made: Made, source: ModelSource) -> None:
    image = small.test_image(source)
    labels = run_onnx(made("onnx", OutputKind.LABELS)["float32"].path, image)
    assert labels.dtype == np.int32
    assert (labels == small.torch_logits(source, image).argmax(-1)).mean() > 0.999


def test_onnx_graph_is_clean_and_says_what_it_is(made: Made) -> None:
    model = onnx.load(str(made("onnx")["float32"].path))
    assert [item.version for item in model.opset_import] == [17]
    assert not {"Shape", "Slice", "Concat"} & {node.op_type for node in model.graph.node}
    properties = {item.key: item.value for item in model.metadata_props}
    assert json.loads(properties["segport.classes"]) == list(small.CLASSES)
    assert not [key for key in properties if not key.startswith("segport.")]


@pytest.fixture
def renamed(made: Made, tmp_path: Path) -> Path:
    """An ONNX file as others export them: other names of input and output."""
    model = onnx.load(str(made("onnx")["float32"].path))
    for node in model.graph.node:
        node.input[:] = ["pixel_values" if name == "image" else name for name in node.input]
        node.output[:] = ["scores" if name == "logits" else name for name in node.output]
    model.graph.input[0].name, model.graph.output[0].name = "pixel_values", "scores"
    onnx.save(model, str(tmp_path / "others.onnx"))
    return tmp_path / "others.onnx"


def test_onnx_source_goes_to_tflite_and_onnx(renamed: Path, source: ModelSource, tmp_path: Path) -> None:
    others = small.onnx_source(renamed)
    image = small.test_image(source)
    expected = small.torch_logits(source, image)
    tflite = {
        item.conversion.recipe.name: artifact_of(item)
        for item in convert_all(others, "tflite", OutputKind.LOGITS, None, tmp_path)
    }
    assert tflite["float32"].provenance["route"] == "onnx2tf"
    runner = Interpreter(model_path=str(tflite["float32"].path)).get_signature_runner()
    assert small.decibels(expected, runner(image=image)["logits"]) > 100
    (copy,) = (artifact_of(item) for item in convert_all(others, "onnx", OutputKind.LOGITS, None, tmp_path))
    assert (copy.image.name, copy.output.name, copy.provenance["route"]) == ("pixel_values", "scores", "copy")
    np.testing.assert_array_equal(run_onnx(copy.path, image), run_onnx(renamed, image))


def test_onnx_source_cannot_go_where_torch_is_needed(renamed: Path) -> None:
    others = small.onnx_source(renamed)
    with pytest.raises(SourceError, match="choose 'onnx2tf'"):
        make_plan(others, [("tflite", recipe("float32"))], routes={"tflite": "litert-torch"})


def test_unusable_onnx_sources_are_refused(made: Made, tmp_path: Path) -> None:
    model = onnx.load(str(made("onnx")["float32"].path))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, str(tmp_path / "open.onnx"))
    (tmp_path / "text.onnx").write_text("not a model")
    for name, message in (("open.onnx", "fixed sizes"), ("text.onnx", "not a valid ONNX"), ("no.onnx", "not a file")):
        (outcome,) = convert_all(small.onnx_source(tmp_path / name), "onnx", OutputKind.LOGITS, None, tmp_path / "out")
        assert isinstance(outcome.error, SourceError) and message in str(outcome.error)
        assert not list((tmp_path / "out").glob("*.onnx"))


def stored_values(artifact: Artifact) -> dict[str, NDArray[Any]]:
    """Constants of the package's program by name; 8-bit ones as the real numbers they stand for."""
    ct = coremltools()
    from coremltools.converters.mil.frontend.milproto.load import load

    program = load(
        ct.utils.load_spec(str(artifact.path)),
        read_program(artifact.path).specification_version,
        str(artifact.path / "Data/com.apple.CoreML/weights"),
    )
    operations = program.functions["main"].operations
    floats = {item.outputs[0].name: item.outputs[0].val for item in operations if item.op_type == "const"}
    integers = {
        item.outputs[0].name: item.materialized_val_inference()
        for item in operations
        if item.op_type == "constexpr_affine_dequantize"
    }
    return {
        name: np.asarray(value)
        for name, value in (floats | integers).items()
        if value is not None and np.asarray(value).dtype.kind == "f"
    }


def kernels_of(artifact: Artifact) -> list[NDArray[Any]]:
    return [item for item in stored_values(artifact).values() if item.ndim == 4 and item.shape[0] > 1]


def torch_kernels(source: ModelSource) -> list[NDArray[np.float32]]:
    assert source.module is not None
    return [item.detach().numpy() for item in source.module.parameters() if item.ndim == 4]


@pytest.mark.parametrize(("recipe_name", "relative"), [("float32", 1e-7), ("float16", 2**-11), ("int8_weights", None)])
def test_core_ml_holds_the_networks_weights(
    made: Made, source: ModelSource, recipe_name: str, relative: float | None
) -> None:
    found = kernels_of(made("coreml")[recipe_name])
    expected = torch_kernels(source)
    assert len(found) == len(expected) == 7
    for kernel in expected:
        (match,) = [
            item
            for item in found
            if item.shape == kernel.shape and np.corrcoef(item.ravel(), kernel.ravel())[0, 1] > 0.99
        ]
        largest = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
        bound = largest / 127 * 0.51 + largest * 2**-10 if relative is None else np.abs(kernel) * relative + 1e-6
        assert (np.abs(match.astype(np.float64) - kernel) <= bound).all()


def test_core_ml_stores_and_computes_in_the_numbers_asked_for(made: Made) -> None:
    programs = {name: read_program(item.path) for name, item in made("coreml").items()}
    assert set(programs["float32"].bytes_by_dtype) == {"float32"}
    assert set(programs["float16"].bytes_by_dtype) == {"float16"}
    assert programs["int8_weights"].bytes_by_dtype["int8"] > programs["int8_weights"].bytes_by_dtype["float16"] / 2
    assert programs["int8_weights"].operators["constexpr_affine_dequantize"] == 8
    assert not programs["float32"].operators["cast"]


def test_core_ml_coordinates_stay_floats(made: Made) -> None:
    ct = coremltools()
    program = ct.utils.load_spec(str(made("coreml")["int8_weights"].path)).mlProgram
    (block,) = program.functions["main"].block_specializations.values()
    for operation in block.operations:
        if operation.type == "constexpr_affine_dequantize":
            shape = [item.constant.size for item in operation.outputs[0].type.tensorType.dimensions]
            assert shape[-2:] != [small.OUTPUT_SIZE[0], 1]


@pytest.mark.parametrize("output", OutputKind, ids=lambda item: item.value)
def test_core_ml_interface_and_preview(made: Made, output: OutputKind) -> None:
    for name, artifact in made("coreml", output).items():
        program = read_program(artifact.path)
        assert artifact.image.as_picture and artifact.image.layout is Layout.NCHW
        (image,), (answer,) = program.inputs, program.outputs
        assert (image.kind, image.name, image.dtype, image.shape) == ("picture", "image", "RGB", small.INPUT_SIZE)
        assert answer.dtype == {"logits": "float32", "labels": "int32"}[output.value]
        assert program.metadata["com.apple.coreml.model.preview.type"] == "imageSegmenter"
        preview = json.loads(program.metadata["com.apple.coreml.model.preview.params"])
        assert preview == {"labels": list(small.CLASSES), "colors": COLOURS}
        assert program.metadata["segport.recipe"] == name
        assert program.metadata["segport.key"] == artifact.key
        assert program.metadata["segport.weights_sha256"] == "0" * 64
        assert (program.metadata["author"], name in program.metadata["description"]) == ("segport", True)
        assert not [key for key in program.metadata if "date" in key]


def test_core_ml_scales_pictures_to_what_the_network_takes(tmp_path: Path) -> None:
    network = small.small_network(PixelRange.UNIT)
    for pixel_range, scaled in ((PixelRange.UNIT, True), (PixelRange.BYTE, False)):
        source = small.source_of(network, pixel_range, None)
        plan = make_plan(source, [("coreml", recipe("float32"))])
        (artifact,) = (artifact_of(item) for item in perform(plan, tmp_path / pixel_range.value))
        scalars = [float(item) for item in stored_values(artifact).values() if item.ndim == 0]
        assert any(abs(item - 1 / 255) < 1e-6 for item in scalars) == scaled
        assert artifact.image.pixel_range is pixel_range


def test_a_file_that_was_exported_wrongly_is_refused(
    source: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = onnx_format._exported

    def wrong(given: ModelSource, workspace: Path) -> Any:
        model = exported(given, workspace)
        kernel = next(item for item in model.graph.initializer if len(item.dims) == 4)
        kernel.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(kernel) * 1.1, kernel.name))
        return model

    monkeypatch.setattr(onnx_format, "_exported", wrong)
    (outcome,) = perform(make_plan(source, [("onnx", recipe("float32"))]), tmp_path)
    assert isinstance(outcome.error, ConversionError)
    assert "the exported ONNX file computes something else than the network (agrees to " in str(outcome.error)
