"""MediaPipe's custom operations are taken by the delegates that compute them, other custom operations are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from converters.lint.linting import LintReport, lint
from tests.converters.lint.media_pipe_files import SAME, VALID, renamed, transposed, unpooled


def reports(path: Path) -> dict[str, LintReport]:
    return {report.target: report for report in lint(path)}


def fully_accelerated(path: Path) -> bool:
    """Whether the XNNPACK of the installed LiteRT takes a whole file."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator

    return bool(CompiledModel.from_file(str(path), hardware_accel=HardwareAccelerator.CPU).is_fully_accelerated())


def test_a_transposed_convolution_with_a_bias_is_taken(tmp_path: Path) -> None:
    path = transposed(tmp_path)
    found = reports(path)
    for target in ("tflite-gpu", "xnnpack"):
        assert (found[target].taken, found[target].partitions) == (3, 1)
        (note,) = found[target].findings
        assert not note.splits
        assert "CompiledModel" in note.reason
    assert fully_accelerated(path)
    assert "Convolution2DTransposeBias" in found["nnapi-int8"].findings[1].operations


def test_pooling_with_places_and_unpooling_are_taken(tmp_path: Path) -> None:
    path = unpooled(tmp_path, VALID)
    found = reports(path)
    assert [(found[name].taken, found[name].partitions) for name in ("tflite-gpu", "xnnpack")] == [(4, 1)] * 2
    assert fully_accelerated(path)


def test_xnnpack_unpools_valid_padding_only(tmp_path: Path) -> None:
    path = unpooled(tmp_path, SAME)
    found = reports(path)
    assert found["tflite-gpu"].taken == 4
    assert found["xnnpack"].between == ({"MaxUnpooling2D": 1},)
    assert "padding" in found["xnnpack"].findings[0].reason
    assert not fully_accelerated(path)


def test_computed_weights_are_not_taken(tmp_path: Path) -> None:
    found = reports(transposed(tmp_path, computed_weights=True))
    for target in ("tflite-gpu", "xnnpack"):
        assert found[target].between == ({"Convolution2DTransposeBias": 1},)
        assert "weights are computed" in found[target].findings[0].reason


def test_a_pooling_that_does_not_tell_the_places_is_not_taken(tmp_path: Path) -> None:
    found = reports(unpooled(tmp_path, outputs=1))["tflite-gpu"]
    assert {"MaxPoolingWithArgmax2D": 1} in found.between
    assert "other inputs or outputs" in found.findings[0].reason


@pytest.mark.parametrize(
    ("middle", "operation", "name", "taken_by"),
    [
        ("maximum", "MAXIMUM", "Resampler", {"tflite-gpu"}),
        ("negative", "NEG", "Resampler", set()),
        ("transposed convolution", "TRANSPOSE_CONV", "convolution2dtransposebias", set()),
        ("negative", "NEG", "Landmarks2TransformMatrix", set()),
        ("negative", "NEG", "FlexNeg", set()),
        ("negative", "NEG", "MyOwn", set()),
    ],
)
def test_other_custom_operations(middle: str, operation: str, name: str, taken_by: set[str], tmp_path: Path) -> None:
    found = reports(renamed(tmp_path, middle, operation, name))
    refused_by = {target for target, report in found.items() if any(name in piece for piece in report.between)}
    assert {"tflite-gpu", "xnnpack"} - refused_by == taken_by


def test_operations_of_mediapipe_alone_are_advised_to_run_there(tmp_path: Path) -> None:
    found = reports(renamed(tmp_path, "negative", "NEG", "TransformTensorBilinear"))["tflite-gpu"]
    assert "MediaPipe itself" in found.findings[0].rewrite
