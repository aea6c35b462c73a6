"""Repairs of a float TFLite graph: what is exact stays exact, what is statistical keeps the means."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters import ModelSource, make_plan
from converters.conversion.perform import perform
from converters.formats.tflite.file.flatbuffer import read_model
from converters.formats.tflite.quantizing.quantize import quantize
from converters.formats.tflite.quantizing.ranges import tensor_statistics, watching
from converters.formats.tflite.quantizing.repair import RepairableGraph, stored_weights
from converters.formats.tflite.quantizing.rounding import LARGEST, chosen_integers, drawn_patches, store_integers
from quantization import RecipeError, Repair, WeightRange, recipe
from quantization.repair import bias_shift, equalizing_scales, largest_magnitudes
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of, job_of
from toolkit.errors import UsageError
from toolkit.options import RunOptions
from toolkit.stages.convert import wanted_pairs

pytestmark = pytest.mark.usefixtures("float_files_kept")


RNG = np.random.default_rng(0)


def test_equalized_layers_have_like_ranges_and_the_same_answer() -> None:
    first, second = RNG.normal(size=(6, 4)), RNG.normal(size=(3, 6))
    first[2] *= 100
    second[:, 4] = 0
    scales = equalizing_scales(
        largest_magnitudes(first.astype(np.float32), 0), largest_magnitudes(second.astype(np.float32), 1)
    )
    assert scales[4] == 1, "a channel that nobody reads is left alone"
    scaled, wider = first / scales[:, None], second * scales
    x = RNG.normal(size=4)
    np.testing.assert_allclose(wider @ np.maximum(scaled @ x, 0), second @ np.maximum(first @ x, 0))
    alive = [0, 1, 2, 3, 5]
    np.testing.assert_allclose(np.abs(scaled).max(axis=1)[alive], np.abs(wider).max(axis=0)[alive])


def test_the_bias_shift_restores_the_mean_of_a_convolution() -> None:
    weights = RNG.normal(size=(5, 1, 1, 4)).astype(np.float32)
    stored = np.round(weights * 2) / 2
    x = RNG.random((300, 4)) + np.arange(4)
    shift = bias_shift(weights, stored, x.mean(axis=0), 0, 3)
    np.testing.assert_allclose((x @ stored[:, 0, 0].T + shift).mean(axis=0), (x @ weights[:, 0, 0].T).mean(axis=0))
    depthwise = RNG.normal(size=(1, 3, 3, 4)).astype(np.float32)
    lost = (depthwise - np.round(depthwise)).sum(axis=(0, 1, 2))
    np.testing.assert_allclose(
        bias_shift(depthwise, np.round(depthwise), x.mean(axis=0), 3, None), lost * x.mean(axis=0), rtol=1e-5
    )


def test_equalizing_a_graph_changes_weights_but_not_the_answer(made: Made, source: ModelSource, tmp_path: Path) -> None:
    path = tmp_path / "equalized.tflite"
    graph = RepairableGraph(made("tflite")["float32"].path)
    assert graph.equalize() >= 1, "block.0 -> ReLU -> block.2, at least"
    graph.save(path)
    assert path.read_bytes() != made("tflite")["float32"].path.read_bytes()
    image = small.test_image(source)
    found = Interpreter(model_path=str(path)).get_signature_runner()(image=image)["logits"]
    assert small.decibels(small.torch_logits(source, image), found) > 90


def test_corrected_biases_bring_the_means_of_the_answer_back(source: ModelSource, made: Made, tmp_path: Path) -> None:
    """Against the float network, on the pictures that calibrated and on others."""
    pictures = small.calibration(8)
    off = {}
    for repairs in ((), (Repair.BIAS,)):
        changed = dataclasses.replace(recipe("int4_dynamic"), repairs=repairs)
        plan = make_plan(source, [("tflite", changed)], calibration=pictures.digest())
        (outcome,) = perform(plan, tmp_path, pictures)
        runner = Interpreter(model_path=str(artifact_of(outcome).path)).get_signature_runner()
        images = pictures.tensors(unit_range=True)
        answers = np.concatenate([runner(image=image)["logits"] for image in images])
        expected = np.concatenate([small.torch_logits(source, image) for image in images])
        off[bool(repairs)] = float(np.abs((answers - expected).mean(axis=(0, 1, 2))).mean())
    assert off[True] < 0.6 * off[False]


def test_biases_of_all_layers_with_weights_are_corrected(made: Made, source: ModelSource, tmp_path: Path) -> None:
    files = made("tflite")
    job = job_of(source, tmp_path, "int8_static", small.calibration(2))
    statistics = tensor_statistics(files["float32"].path, job)
    stored = stored_weights(files["int8_static"].path)
    graph = RepairableGraph(files["float32"].path)
    assert graph.correct_biases(stored, statistics) >= 7
    assert graph.correct_biases({}, statistics) == 0


def four_bits(source: ModelSource, folder: Path, reach: WeightRange = WeightRange.MINMAX) -> Path:
    """The file of 4-bit weights as they come, without its recipe's repairs."""
    plain = dataclasses.replace(recipe("int4_dynamic"), repairs=(), weight_range=reach)
    (outcome,) = perform(make_plan(source, [("tflite", plain)]), folder)
    return artifact_of(outcome).path


@pytest.mark.parametrize("name", ["int8_static", "int8_dynamic", "int4_dynamic"])
def test_stored_weights_are_the_floats_rounded(made: Made, source: ModelSource, name: str, tmp_path: Path) -> None:
    files = made("tflite")
    floats = Interpreter(model_path=str(files["float32"].path))
    known = {item["name"]: item["index"] for item in floats.get_tensor_details()}
    stored = stored_weights(four_bits(source, tmp_path) if name == "int4_dynamic" else files[name].path)
    kernels = [key for key in stored if key in known and stored[key].ndim == 4 and stored[key].size > 100]
    assert len(kernels) >= 5
    for key in kernels:
        weights = floats.get_tensor(known[key])
        step = np.abs(weights).max() / (7 if name == "int4_dynamic" else 127)
        assert np.abs(weights - stored[key]).max() <= 0.51 * step


def test_weights_may_reach_less_far(source: ModelSource, tmp_path: Path) -> None:
    stored = stored_weights(four_bits(source, tmp_path / "octav", WeightRange.OCTAV))
    plain = stored_weights(four_bits(source, tmp_path / "minmax"))
    name = next(key for key, values in stored.items() if values.shape == (16, 3, 3, 16))
    assert np.abs(stored[name]).max() < np.abs(plain[name]).max()


def test_repairs_are_for_integers_and_reach_the_recipes() -> None:
    with pytest.raises(RecipeError, match="for integer weights"):
        dataclasses.replace(recipe("float16"), repairs=(Repair.EQUALIZE,))
    pairs = dict(wanted_pairs(RunOptions(formats=("tflite",), repair=("equalize", "bias"), weight_range="octav")))
    assert pairs
    chosen = {item.name: item.repairs for _, item in wanted_pairs(RunOptions(formats=("tflite",), repair=("bias",)))}
    assert chosen == {"float32": (), "float16": (), "int8_dynamic": (Repair.BIAS,), "int8_static": (Repair.BIAS,)}
    with pytest.raises(UsageError, match="excludes other repairs"):
        wanted_pairs(RunOptions(formats=("tflite",), repair=("none", "bias")))


def test_gptq_changes_the_answer_less_and_is_in_the_file(source: ModelSource, tmp_path: Path) -> None:
    """4-bit weights of a network with strided and padded convolutions: nearer to the floats, on other pictures too."""
    pictures, others = small.calibration(8), small.pictures(4, seed=99)
    noise = {}
    for repairs in ((), (Repair.GPTQ,), (Repair.EQUALIZE, Repair.GPTQ, Repair.BIAS)):
        changed = dataclasses.replace(recipe("int4_dynamic"), repairs=repairs)
        plan = make_plan(source, [("tflite", changed)], calibration=pictures.digest())
        (outcome,) = perform(plan, tmp_path / str(len(repairs)), pictures)
        runner = Interpreter(model_path=str(artifact_of(outcome).path)).get_signature_runner()
        images = [image[np.newaxis].astype(np.float32) / 255 for image in others]
        pairs = [(runner(image=image)["logits"], small.torch_logits(source, image)) for image in images]
        noise[len(repairs)] = float(np.mean([np.square(found - wanted).mean() for found, wanted in pairs]))
    assert noise[1] < 0.7 * noise[0]
    assert noise[3] < 0.7 * noise[0]


def test_chosen_integers_replace_those_of_the_quantizer_in_8_and_4_bits(
    made: Made, source: ModelSource, tmp_path: Path
) -> None:
    files = made("tflite")
    base = files["float32"].path
    for name in ("int8_static", "int4_dynamic"):
        job = job_of(source, tmp_path, name, small.calibration(2))
        path = job.destination
        quantize(base, job)
        before = stored_weights(path)
        chosen = chosen_integers(base, path, job)
        assert len(chosen) >= 6
        store_integers(path, chosen)
        after = stored_weights(path)
        for weights, integers in chosen.items():
            step = np.abs(before[weights].reshape(len(integers), -1)).max(axis=1) / LARGEST[name.split("_")[0]]
            wanted = integers.reshape(len(integers), -1) * step[:, None]
            np.testing.assert_allclose(after[weights].reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-9)
        assert all((after[other] == before[other]).all() for other in set(before) - set(chosen))


def test_patches_multiply_to_the_layers_own_answer(made: Made) -> None:
    """Every patch times the weights, plus the bias, is a value of the layer's answer, whatever stride and padding."""
    base = made("tflite")["float32"].path
    interpreter, picture, watched = watching(base)
    interpreter.set_tensor(picture, small.calibration(1).tensors(unit_range=True)[0])
    interpreter.invoke()
    (graph,) = read_model(base).graphs
    names = [tensor.name for tensor in graph.tensors]
    layers = {layer.weights_name: layer for layer in RepairableGraph(base).patches() if layer.kernel is not None}
    steps = [step for step in graph.steps if step.name == "CONV_2D" and names[step.inputs[1]] in layers]
    assert len(steps) >= 5
    for step in steps:
        layer = layers[names[step.inputs[1]]]
        rows = drawn_patches(layer, interpreter.get_tensor(watched[layer.given_name]), np.random.default_rng(0))[:20]
        found = rows @ layer.weights.reshape(len(layer.weights), -1).T + interpreter.get_tensor(step.inputs[2])
        if step.options["fusedActivationFunction"]:
            found = np.maximum(found, 0)
        answer = interpreter.get_tensor(watched[names[step.outputs[0]]]).reshape(-1, len(layer.weights))
        nearest = np.abs(found[:, None] - answer[None]).max(axis=2).min(axis=1)
        assert nearest.max() < 1e-3, layer.weights_name
