"""TFLite artifacts, run by LiteRT, against the torch network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from converters import Artifact, Layout, ModelSource, OutputKind, PixelRange, make_plan
from converters.conversion.perform import perform
from converters.formats.tflite.file.flatbuffer import read_model
from quantization import recipe, recipes
from quantization.calibration import CalibrationSet
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of

LEAST_DECIBELS = {
    "float32": 100.0,
    "float16": 55.0,
    "int8_dynamic": 25.0,
    "int8_static": 20.0,
    "int16x8": 28.0,
    "int4_dynamic": 8.0,
}
"""How close to torch each recipe stays on the small network with random weights."""
TFLITE = [item.name for item in recipes().values() if "tflite" in item.formats]
ROUTES = ("litert-torch", "onnx2tf")


def answer(artifact: Artifact, image: NDArray[np.float32]) -> NDArray[Any]:
    runner = Interpreter(model_path=str(artifact.path), num_threads=1).get_signature_runner()
    found: NDArray[Any] = runner(**{artifact.image.name: image})[artifact.output.name]
    return found


def quantized_picture(artifact: Artifact) -> tuple[float, int]:
    """Scale and zero point of what the first operator, QUANTIZE, makes of the picture."""
    interpreter = Interpreter(model_path=str(artifact.path))
    first = interpreter._get_ops_details()[0]
    assert first["op_name"] == "QUANTIZE"
    (index,) = first["outputs"]
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    found: tuple[float, int] = details[index]["quantization"]
    return found


def test_every_tflite_recipe_has_a_bound() -> None:
    assert set(TFLITE) == set(LEAST_DECIBELS)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("recipe_name", TFLITE)
def test_logits_equal_those_of_torch(made: Made, source: ModelSource, recipe_name: str, route: str) -> None:
    artifact = made("tflite", route=route)[recipe_name]
    assert artifact.provenance["route"] == route
    assert artifact.image.layout is artifact.output.layout is Layout.NHWC
    image = small.test_image(source)
    found = answer(artifact, image)
    assert found.dtype == np.float32 and found.shape == (1, *small.OUTPUT_SIZE, len(small.CLASSES))
    assert small.decibels(small.torch_logits(source, image), found) > LEAST_DECIBELS[recipe_name]


@pytest.mark.parametrize("recipe_name", TFLITE)
def test_both_routes_agree(made: Made, source: ModelSource, recipe_name: str) -> None:
    from_torch, from_onnx = (made("tflite", route=route)[recipe_name] for route in ROUTES)
    assert from_torch.image == from_onnx.image and from_torch.output == from_onnx.output
    image = small.test_image(source)
    assert small.decibels(answer(from_torch, image), answer(from_onnx, image)) > LEAST_DECIBELS[recipe_name]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("recipe_name", TFLITE)
def test_label_map_is_the_argmax_of_the_logits(made: Made, source: ModelSource, recipe_name: str, route: str) -> None:
    image = small.test_image(source)
    labels = answer(made("tflite", OutputKind.LABELS, route)[recipe_name], image)
    assert labels.dtype == np.int32 and labels.shape == (1, *small.OUTPUT_SIZE)
    assert len(np.unique(labels)) > 2
    logits = answer(made("tflite", route=route)[recipe_name], image)
    assert (labels == logits.argmax(-1)).mean() > 0.995
    # Random weights have no redundancy that four bits could live on.
    least = 0.6 if recipe_name == "int4_dynamic" else 0.93
    assert (labels == small.torch_logits(source, image).argmax(-1)).mean() > least


def test_pictures_may_also_be_bytes(made: Made) -> None:
    source = small.small_source(PixelRange.BYTE)
    image = small.test_image(source)
    assert image.max() > 200
    for name, artifact in made("tflite", pixel_range=PixelRange.BYTE).items():
        assert artifact.image.pixel_range is PixelRange.BYTE
        assert small.decibels(small.torch_logits(source, image), answer(artifact, image)) > LEAST_DECIBELS[name]


@pytest.mark.parametrize("route", ROUTES)
def test_channel_order_costs_no_transpose(made: Made, route: str) -> None:
    for artifact in made("tflite", route=route).values():
        (graph,) = read_model(artifact.path).graphs
        assert "TRANSPOSE" not in graph.operators


@pytest.mark.parametrize("route", ROUTES)
def test_weights_are_stored_in_the_numbers_asked_for(made: Made, route: str) -> None:
    stored = {"float32": "float32", "float16": "float16", "int4_dynamic": "int4"}
    for name, artifact in made("tflite", route=route).items():
        (graph,) = read_model(artifact.path).graphs
        kernels = [item for item in graph.tensors if len(item.shape) == 4 and item.constant_bytes and item.shape[0] > 1]
        assert len(kernels) >= 6
        assert {item.dtype for item in kernels} == {stored.get(name, "int8")}


def test_int8_static_computes_in_integers_throughout(made: Made) -> None:
    (graph,) = read_model(made("tflite")["int8_static"].path).graphs
    activations = [item for item in graph.tensors if not item.constant_bytes]
    floats = [item.name for item in activations if item.dtype == "float32"]
    assert len(floats) == 2, "only the picture and the logits are floats"
    assert {item.dtype for item in activations} == {"float32", "int8"}


def test_int16x8_leaves_only_what_its_kernels_refuse_in_floats(made: Made) -> None:
    (graph,) = read_model(made("tflite")["int16x8"].path).graphs
    assert "SUB" in graph.operators, "the small network centres its pixels, which is the case in question"
    activations = [item for item in graph.tensors if not item.constant_bytes]
    assert sum(item.dtype == "int16" for item in activations) > 10
    assert sum(item.dtype == "float32" for item in activations) == 4


def test_scales_are_per_channel(made: Made) -> None:
    interpreter = Interpreter(model_path=str(made("tflite")["int8_static"].path))
    scales = [
        len(item["quantization_parameters"]["scales"])
        for item in interpreter.get_tensor_details()
        if item["dtype"] == np.int8 and len(item["shape"]) == 4 and item["shape"][0] in (16, 24, 32)
    ]
    assert scales and min(scales) > 1


def test_calibration_ranges_do_not_depend_on_the_order_of_pictures(source: ModelSource, tmp_path: Path) -> None:
    forward = small.calibration(4)
    backward = CalibrationSet(forward.images[::-1].copy(), forward.ids[::-1], forward.origin)
    answers = []
    for pictures in (forward, backward):
        plan = make_plan(source, [("tflite", recipe("int8_static"))], calibration=pictures.digest())
        (outcome,) = perform(plan, tmp_path, pictures)
        answers.append(answer(artifact_of(outcome), small.test_image(source)))
    assert small.decibels(*answers) > 60, "equal but for the rounding of a mean"


def test_whole_brightness_range_is_kept_though_no_calibration_picture_has_it(
    source: ModelSource, tmp_path: Path
) -> None:
    dim = CalibrationSet(small.pictures(4) // 2, tuple("abcd"), "dim noise")
    plan = make_plan(source, [("tflite", recipe("int8_static"))], calibration=dim.digest())
    (artifact,) = (artifact_of(item) for item in perform(plan, tmp_path, dim))
    scale, zero_point = quantized_picture(artifact)
    assert scale * (127 - zero_point) == pytest.approx(1.0, abs=0.01)
