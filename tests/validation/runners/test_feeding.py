"""From a picture to a runtime's tensor and back, and the checks of what a file says of itself."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from converters import Artifact, ImageInput, Layout, MapOutput, OutputKind, PixelRange, Quantization
from tests.validation.tiny_network import HEIGHT, REPEATABLE, WIDTH, picture
from validation.errors import RunnerError, ValidationError
from validation.runners.base.native_output import captured_stderr, tail
from validation.runners.base.tensors import TensorInfo, choose
from validation.runners.base.torch_threads import TorchThreads
from validation.runners.base.values import canonical_output, label_map, native_input
from validation.runners.litert.runner import LiteRtRunner

UNIT = ImageInput("image", HEIGHT, WIDTH, PixelRange.UNIT, Layout.NHWC)
LOGITS = MapOutput("logits", 2, 3, 4, OutputKind.LOGITS, Layout.NCHW)


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize(("pixels", "scale"), [(PixelRange.UNIT, 255.0), (PixelRange.BYTE, 1.0)])
def test_picture_is_scaled_and_laid_out(layout: Layout, pixels: PixelRange, scale: float) -> None:
    spec = dataclasses.replace(UNIT, layout=layout, pixel_range=pixels)
    tensor = native_input(picture(0), spec)
    assert tensor.shape == spec.shape
    assert tensor.dtype == np.float32
    back = tensor[0] if layout is Layout.NHWC else tensor[0].transpose(1, 2, 0)
    np.testing.assert_allclose(back * scale, picture(0), rtol=1e-6)


@REPEATABLE
@given(st.floats(1e-3, 0.02), st.integers(-128, 127))
def test_quantized_picture_is_the_nearest_stored_value(scale: float, zero_point: int) -> None:
    spec = dataclasses.replace(UNIT, dtype="int8", quantization=Quantization(scale, zero_point))
    stored = native_input(picture(1), spec)[0].astype(np.float64)
    real = picture(1) / 255.0
    low, high = scale * (-128 - zero_point), scale * (127 - zero_point)
    error = np.abs(scale * (stored - zero_point) - np.clip(real, low, high))
    assert error.max() <= scale * 0.5001 + 1e-6


def test_integer_input_without_quantization_is_refused() -> None:
    with pytest.raises(ValidationError, match="without quantization parameters"):
        native_input(picture(0), dataclasses.replace(UNIT, dtype="uint8"))
    raw = dataclasses.replace(UNIT, dtype="uint8", pixel_range=PixelRange.BYTE)
    np.testing.assert_array_equal(native_input(picture(0), raw)[0], picture(0))


def test_logits_are_dequantized_and_put_last() -> None:
    raw = np.arange(-12, 12, dtype=np.int8).reshape(1, 4, 2, 3)
    spec = dataclasses.replace(LOGITS, dtype="int8", quantization=Quantization(0.5, 3))
    np.testing.assert_array_equal(canonical_output(raw, spec), (raw[0].transpose(1, 2, 0).astype(float) - 3) * 0.5)
    with pytest.raises(RunnerError, match="expected logits"):
        canonical_output(raw.transpose(0, 2, 3, 1), spec)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, np.float32])
def test_labels_are_whole_and_inside_the_classes(dtype: type) -> None:
    spec = dataclasses.replace(LOGITS, kind=OutputKind.LABELS)
    raw = np.array([[0, 1, 2], [3, 0, 1]], dtype=dtype)
    for shape in ((2, 3), (1, 2, 3), (1, 1, 2, 3)):
        answer = canonical_output(raw.reshape(shape), spec)
        assert answer.dtype == np.uint8
        np.testing.assert_array_equal(label_map(answer), raw)
    with pytest.raises(RunnerError, match="expected labels 0 to 3, got 0 to 4"):
        canonical_output(np.where(raw == 3, 4, raw), spec)
    if dtype is np.float32:
        with pytest.raises(RunnerError, match="fractions"):
            canonical_output(raw * 0.5, spec)
    with pytest.raises(RunnerError, match="label map"):
        canonical_output(raw[:1], spec)


def test_ties_go_to_the_lower_class() -> None:
    assert label_map(np.zeros((2, 2, 3), np.float32)).max() == 0


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("image", {"height": 17}, "the input of .* in the file"),
        ("image", {"layout": Layout.NCHW}, "the input of .* in the file"),
        ("image", {"quantization": Quantization(0.1, 0)}, "is quantized with"),
        ("output", {"width": 13}, "the output of .* in the file"),
        ("output", {"dtype": "int8"}, "the output of .* in the file"),
    ],
)
def test_file_that_is_not_what_the_manifest_says(
    artifacts: dict[str, Artifact], part: str, changes: dict[str, object], words: str
) -> None:
    good = artifacts["tflite-float32"]
    other = dataclasses.replace(good, **{part: dataclasses.replace(getattr(good, part), **changes)})
    with pytest.raises(RunnerError, match=words), LiteRtRunner(other):
        pass


def test_wrong_scale_in_the_manifest_is_noticed(artifacts: dict[str, Artifact]) -> None:
    good = artifacts["tflite-int8_static"]
    which = "image" if good.image.quantization is not None else "output"
    spec = getattr(good, which)
    if spec.quantization is None:
        wrong = Quantization(0.25, 0)
    else:
        wrong = dataclasses.replace(spec.quantization, scale=spec.quantization.scale * 1.01)
    other = dataclasses.replace(good, **{which: dataclasses.replace(spec, quantization=wrong)})
    with pytest.raises(RunnerError, match="is quantized with"), LiteRtRunner(other):
        pass


def test_among_several_tensors_the_name_decides(artifacts: dict[str, Artifact]) -> None:
    one, two = (TensorInfo(name, index, (1,), "float32", None) for index, name in enumerate("xy"))
    artifact = artifacts["tflite-float32"]
    assert choose([one], "other", artifact) is one
    assert choose([one, two], "y", artifact) is two
    with pytest.raises(RunnerError, match=r"has no tensor 'z' \(it has: x, y\)"):
        choose([one, two], "z", artifact)


def test_native_messages_are_kept_and_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as printed:
        os.write(2, b"one\n\ntwo\nthree\nfour\n")
        assert printed() == "two | three | four"
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert tail("") == ""


def test_threads_of_torch_are_given_back() -> None:
    before = torch.get_num_threads()
    with TorchThreads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
