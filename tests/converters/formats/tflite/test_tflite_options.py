"""What can be chosen beside a recipe for TFLite: layers that stay floats, types at the border, TensorFlow's
quantizer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters import Artifact, ModelSource, SourceError, make_plan
from converters.conversion.perform import perform
from converters.formats.tflite.file.flatbuffer import read_model
from converters.formats.tflite.file.layers import layers, module_of
from quantization import NumberType, RecipeError, recipe
from quantization.calibration import Method
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of
from toolkit.errors import ExitStatus, UsageError
from toolkit.options import RunOptions
from toolkit.run_folder.folder import RunFolder
from toolkit.stages.convert import Conversions, _routes, wanted_pairs
from validation.runners.base.values import label_map
from validation.runners.litert.runner import LiteRtRunner

pytestmark = pytest.mark.usefixtures("float_files_kept")


def converted(
    source: ModelSource, folder: Path, name: str = "int8_static", route: str = "litert-torch", **more: Any
) -> Artifact:
    pictures = small.calibration(8)
    changed = dataclasses.replace(recipe(name), interface=more.pop("interface", NumberType.FLOAT32))
    plan = make_plan(source, [("tflite", changed)], routes={"tflite": route}, calibration=pictures.digest(), **more)
    (outcome,) = perform(plan, folder, pictures)
    return artifact_of(outcome)


def agreement(source: ModelSource, artifact: Artifact) -> float:
    """Fraction of the pixels of one picture to which the artifact gives the network's class."""
    picture = small.pictures(1, source.input_size, 99)[0]
    with LiteRtRunner(artifact, "xnnpack", threads=1) as runner:
        found = label_map(runner.predict(picture))
    expected = small.torch_logits(source, small.test_image(source)).argmax(-1)[0]
    return float((found == expected).mean())


@pytest.mark.parametrize(
    ("tensor", "module"),
    [
        ("a.ChannelsLast/a.b.Net_network/torch.nn.modules.conv.Conv2d_conv1;1", "conv1"),
        ("a.b.Net_network/a.b._Resize_rows;", "rows"),
        ("a.Net_network/torch.Sequential_pixel/torch.nn.modules.conv.Conv2d_1;1", "pixel.1"),
        ("a.Net_network/a.Block_5;;a.Net_network/a.Block_0;;a.Net_network/a.Block_5/torch.Conv2d_conv1;1", "5.conv1"),
        ("serving_default_logits_output", ""),
    ],
)
def test_modules_are_read_from_tensor_names(tensor: str, module: str) -> None:
    assert module_of(tensor) == module


def test_every_module_of_the_network_is_found(made: Made) -> None:
    found = {layer.module for layer in layers(made("tflite")["float32"].path) if layer.kind == "conv_2d"}
    assert {"stem", "block.0", "block.2", "down", "project", "pixel.1"} <= {
        name.removesuffix(".relu") for name in found
    }, found


@pytest.mark.parametrize("pattern", ["conv_2d", "stem"])
def test_kept_layers_are_computed_in_floats(source: ModelSource, made: Made, tmp_path: Path, pattern: str) -> None:
    plain, kept = made("tflite")["int8_static"], converted(source, tmp_path, keep=[(pattern, NumberType.FLOAT32)])
    assert kept.provenance["kept"] == f"float32:{pattern}"
    assert kept.key != plain.key

    def floats(artifact: Artifact) -> int:
        (graph,) = read_model(artifact.path).graphs
        return sum(item.dtype == "float32" and not item.constant_bytes for item in graph.tensors)

    assert floats(kept) > floats(plain)
    assert kept.size_bytes > plain.size_bytes
    assert agreement(source, kept) > 0.9


def test_what_stands_between_kept_layers_is_kept_with_them(source: ModelSource, made: Made, tmp_path: Path) -> None:
    """Sums and resizes of floats stay floats: with every layer kept the file rounds nothing but weights."""
    names = {layer.module.removesuffix(".relu") for layer in layers(made("tflite")["float32"].path) if layer.module}
    keep = [(f"{name}*", NumberType.FLOAT16) for name in sorted(names)]
    kept = converted(source, tmp_path, keep=keep)
    (graph,) = read_model(kept.path).graphs
    assert {item.dtype for item in graph.tensors if not item.constant_bytes} == {"float32"}
    assert agreement(source, kept) > 0.995


def test_a_pattern_that_names_nothing_is_one_sentence(source: ModelSource, tmp_path: Path) -> None:
    plan = make_plan(source, [("tflite", recipe("int8_dynamic"))], keep=[("encoder.*", NumberType.FLOAT32)])
    (outcome,) = perform(plan, tmp_path)
    assert isinstance(outcome.error, SourceError)
    assert "no operation is called 'encoder.*'" in str(outcome.error) and "for example" in str(outcome.error)


@pytest.mark.parametrize("number", [NumberType.INT8, NumberType.UINT8])
def test_pictures_and_logits_may_be_integers(source: ModelSource, tmp_path: Path, number: NumberType) -> None:
    artifact = converted(source, tmp_path, interface=number)
    assert artifact.image.dtype == artifact.output.dtype == number.value
    runner = Interpreter(model_path=str(artifact.path)).get_signature_runner()
    assert runner.get_input_details()["image"]["dtype"] is np.dtype(number.value).type
    assert agreement(source, artifact) > 0.9


def test_tensorflows_quantizer_makes_integers_too(source: ModelSource, tmp_path: Path) -> None:
    artifact = converted(source, tmp_path, route="tensorflow")
    (graph,) = read_model(artifact.path).graphs
    activations = [item for item in graph.tensors if not item.constant_bytes]
    assert sum(item.dtype == "int8" for item in activations) > 10
    assert sum(item.dtype == "float32" for item in activations) == 2, "the picture and the logits"
    assert agreement(source, artifact) > 0.9


def test_what_cannot_be_converted_because_of_the_input_ends_with_status_2(source: ModelSource, tmp_path: Path) -> None:
    plan = make_plan(source, [("tflite", recipe("float32"))], keep=[("encoder.*", NumberType.FLOAT32)])
    outcomes = perform(plan, tmp_path)
    assert Conversions(RunFolder(tmp_path), tuple(outcomes)).status is ExitStatus.BAD_INPUT


def test_what_tensorflows_quantizer_cannot_do_is_one_sentence(source: ModelSource, tmp_path: Path) -> None:
    pictures = dataclasses.replace(small.calibration(2), method=Method.MSE)
    routes = {"tflite": "tensorflow"}
    for name, message in (("int8_static", "calibration method of its own"), ("int16x8", "plain 8-bit files")):
        plan = make_plan(source, [("tflite", recipe(name))], routes=routes, calibration=pictures.digest())
        (outcome,) = perform(plan, tmp_path, pictures)
        assert isinstance(outcome.error, SourceError) and message in str(outcome.error)


def test_four_bit_weights_halve_the_file(made: Made) -> None:
    recipes = made("tflite")
    assert recipes["int4_dynamic"].size_bytes < recipes["int8_dynamic"].size_bytes
    (graph,) = read_model(recipes["int4_dynamic"].path).graphs
    assert any(item.dtype == "int4" for item in graph.tensors)


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [
        ("float16", NumberType.INT8, "computes its first layer from floats"),
        ("int8_static", NumberType.INT4, "do not exist"),
    ],
)
def test_interfaces_that_do_not_fit_are_refused(name: str, number: NumberType, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(recipe(name), interface=number)


def test_options_reach_the_recipe_and_the_route() -> None:
    pairs = wanted_pairs(RunOptions(io_dtype="uint8", formats=("tflite",)))
    assert {item.name: item.interface.value for _, item in pairs if item.interface is not NumberType.FLOAT32} == {
        "int8_static": "uint8"
    }
    assert _routes(RunOptions(quantizer="tensorflow")) == {"tflite": "tensorflow"}
    with pytest.raises(UsageError, match="leave the option out"):
        wanted_pairs(RunOptions(io_dtype="uint8", recipes=("float16",)))
    with pytest.raises(UsageError, match="leave --tflite-route out"):
        _routes(RunOptions(quantizer="tensorflow", tflite_route="litert-torch"))
