"""Single operations of a Core ML program that keep a number type of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converters import Artifact, ModelSource, SourceError, make_plan
from converters.conversion.perform import perform
from converters.formats.coreml.file.program import read_program
from quantization import NumberType, recipe
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of
from toolkit.errors import UsageError
from toolkit.options import RunOptions
from toolkit.stages.convert import kept_operations
from validation.milrun import Interpreter

Keep = list[tuple[str, NumberType]]


def converted(source: ModelSource, name: str, keep: Keep, folder: Path) -> Artifact:
    pictures = small.calibration()
    plan = make_plan(source, [("coreml", recipe(name))], calibration=pictures.digest(), keep=keep)
    (outcome,) = perform(plan, folder, pictures)
    return artifact_of(outcome)


def decibels_of(artifact: Artifact, source: ModelSource) -> float:
    (picture,) = small.pictures(1, seed=99)
    found = np.moveaxis(Interpreter(artifact.path).predict({"image": picture})["logits"], 1, 3)
    return small.decibels(small.torch_logits(source, small.test_image(source)), found)


def test_modules_keep_float32(made: Made, source: ModelSource, tmp_path: Path) -> None:
    artifact = converted(source, "float16", [("pixel.*", NumberType.FLOAT32)], tmp_path)
    stored = read_program(artifact.path).bytes_by_dtype
    assert stored["float32"] >= 4 * (32 * 32 + 5 * 32)
    assert artifact.provenance["kept"] == "float32:pixel.*"
    assert read_program(artifact.path).metadata["segport.kept"] == "float32:pixel.*"
    assert artifact.key != made("coreml")["float16"].key


def test_everything_in_float32_is_the_float32_program(source: ModelSource, tmp_path: Path) -> None:
    artifact = converted(source, "float16", [("*", NumberType.FLOAT32)], tmp_path)
    assert set(read_program(artifact.path).bytes_by_dtype) == {"float32"}
    assert decibels_of(artifact, source) > 90


@pytest.mark.parametrize("name", ["int8_weights", "w8a8"])
def test_kept_operations_are_not_quantized(made: Made, source: ModelSource, name: str, tmp_path: Path) -> None:
    artifact = converted(source, name, [("stem", NumberType.FLOAT16), ("pixel.3", NumberType.FLOAT32)], tmp_path)
    operators = read_program(artifact.path).operators
    usual = read_program(made("coreml")[name].path).operators
    assert operators["constexpr_affine_dequantize"] == usual["constexpr_affine_dequantize"] - 2 == 6
    assert operators["quantize"] == max(0, usual["quantize"] - 1)
    assert decibels_of(artifact, source) > 25


def test_a_pattern_that_matches_nothing_names_what_there_is(source: ModelSource, tmp_path: Path) -> None:
    plan = make_plan(source, [("coreml", recipe("float16"))], keep=[("head.*", NumberType.FLOAT32)])
    (outcome,) = perform(plan, tmp_path)
    assert isinstance(outcome.error, SourceError)
    assert "no operation is called 'head.*'" in str(outcome.error) and "stem" in str(outcome.error)


def test_formats_without_it_say_so(source: ModelSource) -> None:
    with pytest.raises(SourceError, match="cannot be kept in another number type for onnx"):
        make_plan(source, [("onnx", recipe("float32"))], keep=[("stem", NumberType.FLOAT32)])


def test_option_is_a_type_and_a_pattern() -> None:
    options = RunOptions.model_validate({"keep": "float32:pixel.*, float16:conv_?"})
    assert kept_operations(options) == (("pixel.*", NumberType.FLOAT32), ("conv_?", NumberType.FLOAT16))
    for wrong in ("pixel", "int8:pixel", "float32:"):
        with pytest.raises(UsageError, match="is not TYPE:PATTERN"):
            kept_operations(RunOptions.model_validate({"keep": wrong}))
