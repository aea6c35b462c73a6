"""Statistics of the float graph and the ranges made of them, for TFLite; the methods' own maths is tested elsewhere."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from converters import ModelSource, OutputKind, SourceError, make_plan
from converters.conversion.perform import perform
from converters.formats.tflite.quantizing.ranges import activation_ranges, logits_tensors, tensor_statistics
from quantization import recipe
from quantization.calibration import CalibrationSet, Method
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of, job_of

pytestmark = pytest.mark.usefixtures("float_files_kept")


def test_statistics_are_those_of_the_preserved_tensors(made: Made, source: ModelSource, tmp_path: Path) -> None:
    """LiteRT's own, slower way of looking inside a graph sees the same values."""
    path = made("tflite")["float32"].path
    pictures = dataclasses.replace(small.calibration(3), store=tmp_path)
    found = tensor_statistics(path, job_of(source, tmp_path, "int8_static", pictures))
    slow = Interpreter(
        model_path=str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    slow.allocate_tensors()
    numbers = {item["name"]: item["index"] for item in slow.get_tensor_details()}
    (picture,) = slow.get_input_details()
    seen = []
    for image in pictures.tensors(unit_range=True):
        slow.set_tensor(picture["index"], image)
        slow.invoke()
        tensors = {name: slow.get_tensor(number) for name, number in numbers.items() if name in found}
        (logits,) = logits_tensors(path)
        best = np.sort(tensors[logits], axis=-1)
        seen.append(tensors | {f"{logits} (winner)": best[..., -1], f"{logits} (runner-up)": best[..., -2]})
        assert set(seen[-1]) == set(found)
    assert len(found) > 12
    for name, item in found.items():
        largest = max(abs(item.low), abs(item.high))
        np.testing.assert_allclose(item.lows, [tensors[name].min() for tensors in seen], atol=1e-4 * largest)
        np.testing.assert_allclose(item.highs, [tensors[name].max() for tensors in seen], atol=1e-4 * largest)
        stacked = np.concatenate([tensors[name].reshape(-1, tensors[name].shape[-1]) for tensors in seen])
        np.testing.assert_allclose(item.channel_means, stacked.mean(axis=0), atol=1e-4 * largest)


@pytest.mark.parametrize("method", Method)
def test_every_method_makes_a_file_that_works(source: ModelSource, tmp_path: Path, method: Method) -> None:
    store = tmp_path / "calibration"
    pictures = dataclasses.replace(small.calibration(8), method=method, store=store)
    plan = make_plan(source, [("tflite", recipe("int8_static"))], calibration=pictures.digest())
    (outcome,) = perform(plan, tmp_path, pictures)
    image = small.test_image(source)
    runner = Interpreter(model_path=str(artifact_of(outcome).path)).get_signature_runner()
    assert small.decibels(small.torch_logits(source, image), runner(image=image)["logits"]) > 18
    (written,) = store.glob("tflite-ranges-*.json")
    document = json.loads(written.read_text())
    assert document["method"] == method.value and document["pictures_digest"] == pictures.pictures_digest()
    assert all(item["low"] <= 0 <= item["high"] for item in document["tensors"].values())


def test_one_set_of_statistics_serves_every_recipe(source: ModelSource, tmp_path: Path) -> None:
    pictures = dataclasses.replace(small.calibration(4), store=tmp_path / "calibration")
    wanted = [("tflite", recipe("int8_static")), ("tflite", recipe("int16x8"))]
    for outcome in perform(make_plan(source, wanted, calibration=pictures.digest()), tmp_path, pictures):
        artifact_of(outcome)
    assert len(list((tmp_path / "calibration").glob("*.npz"))) == 1
    assert len(list((tmp_path / "calibration").glob("*.json"))) == 2


def test_activations_that_are_not_numbers_are_one_sentence(made: Made, source: ModelSource, tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    content = bytearray(made("tflite")["float32"].path.read_bytes())
    interpreter = Interpreter(model_path=str(made("tflite")["float32"].path))
    weights = next(item for item in interpreter.get_tensor_details() if list(item["shape"]) == [16, 3, 3, 16])
    stored = interpreter.get_tensor(weights["index"])
    place = content.find(stored.tobytes())
    content[place : place + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(bytes(content))
    pictures: CalibrationSet = small.calibration(2)
    with pytest.raises(SourceError, match="holds NaN or infinity on a calibration picture"):
        activation_ranges(path, job_of(source, tmp_path, "int8_static", pictures))


@pytest.mark.parametrize("kind", OutputKind)
def test_logits_are_found_behind_every_kind_of_answer(made: Made, kind: OutputKind) -> None:
    found = logits_tensors(made("tflite", kind)["float32"].path)
    assert len(found) == 1


def test_decisive_logits_agree_with_the_network_at_more_pixels(source: ModelSource, tmp_path: Path) -> None:
    """One class out of the question stretches the range of the logits; full ranges then round all others together."""
    module = small.small_network()
    with torch.no_grad():
        module.pixel[-1].bias[2] -= 300
    stretched = dataclasses.replace(source, module=module)
    pictures = small.calibration(8)
    agreed = {}
    for decisive in (True, False):
        changed = dataclasses.replace(recipe("int8_static"), decisive_logits=decisive)
        plan = make_plan(stretched, [("tflite", changed)], calibration=pictures.digest())
        (outcome,) = perform(plan, tmp_path / str(decisive), pictures)
        runner = Interpreter(model_path=str(artifact_of(outcome).path)).get_signature_runner()
        image = small.test_image(source)
        expected = small.torch_logits(stretched, image).argmax(-1)
        agreed[decisive] = float((runner(image=image)["logits"].argmax(-1) == expected).mean())
    assert agreed[True] > 0.95 > agreed[False]
