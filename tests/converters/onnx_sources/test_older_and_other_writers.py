"""ONNX files of old opsets and other writers than torch: TFLite and Core ML answer as ONNX Runtime does on the file
itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from converters import OutputKind, SourceError, make_plan
from converters.conversion.perform import perform
from quantization import recipe
from tests.converters.onnx_sources.graphs import SIZE, graph_of, saved, stored, window
from toolkit.models import load_source
from toolkit.options import RunOptions
from validation.runners import runners

WINDOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "same upper": ("Conv", {"auto_pad": "SAME_UPPER", "kernel_shape": [3, 3]}),
    "same lower, stride 2": ("Conv", {"auto_pad": "SAME_LOWER", "kernel_shape": [3, 3], "strides": [2, 2]}),
    "same, dilated": ("Conv", {"auto_pad": "SAME_UPPER", "kernel_shape": [3, 3], "dilations": [2, 2]}),
    "valid": ("Conv", {"auto_pad": "VALID", "kernel_shape": [5, 3]}),
    "maximum": ("MaxPool", {"auto_pad": "SAME_UPPER", "kernel_shape": [3, 3], "strides": [2, 2]}),
    "average": ("AveragePool", {"auto_pad": "SAME_UPPER", "kernel_shape": [2, 2], "strides": [2, 2]}),
    "deconvolution": ("ConvTranspose", {"auto_pad": "SAME_UPPER", "kernel_shape": [3, 3], "strides": [2, 2]}),
    "deconvolution lower": ("ConvTranspose", {"auto_pad": "SAME_LOWER", "kernel_shape": [4, 4], "strides": [2, 2]}),
    "shape": ("ConvTranspose", {"output_shape": [48, 64], "kernel_shape": [3, 3], "strides": [2, 2]}),
    "shape, upper": (
        "ConvTranspose",
        {"auto_pad": "SAME_UPPER", "output_shape": [47, 63], "kernel_shape": [4, 4], "strides": [2, 2]},
    ),
}


def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def by_onnx_runtime(path: Path, output: str | None = None) -> NDArray[Any]:
    """(h, w, C) of the file as it is."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it errs on Upsample 9
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    pixels = np.moveaxis(picture(), 2, 0)[None].astype(np.float32) / 255
    (found,) = session.run([output] if output else None, {given: pixels})[:1]
    return np.moveaxis(found[0], 0, 2)  # type: ignore[no-any-return]


def by_artifact(path: Path, format_name: str, folder: Path, **options: Any) -> NDArray[np.float32]:
    """(h, w, C) of what is made of the file."""
    source = load_source(RunOptions(model=str(path), out=folder / "run", isolate=False, **options))
    (outcome,) = perform(
        make_plan(source, [(format_name, recipe("float32"))], output=OutputKind.LOGITS), folder / "made"
    )
    assert outcome.artifact is not None, outcome.error
    runner = runners()[{"tflite": "litert", "coreml": "milrun", "onnx": "onnxruntime"}[format_name]]
    with runner(outcome.artifact, runner.backends[0], 1) as opened:
        return opened.predict(picture())


def assert_alike(
    path: Path, format_name: str, folder: Path, wanted: NDArray[Any] | None = None, **options: Any
) -> None:
    expected = by_onnx_runtime(path) if wanted is None else wanted
    np.testing.assert_allclose(by_artifact(path, format_name, folder, **options), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", WINDOWS)
def test_padding_left_to_be_worked_out_is_written_out(name: str, tmp_path: Path) -> None:
    kind, attributes = WINDOWS[name]
    path = saved(graph_of(*window(kind, "image", "logits", **attributes)), tmp_path / "net.onnx")
    source = load_source(RunOptions(model=str(path), out=tmp_path / "run", isolate=False))
    said = {item.name for node in onnx.load(str(source.onnx_path)).graph.node for item in node.attribute}
    assert not said & {"auto_pad", "output_shape"}
    wanted = None
    if name == "same, dilated":  # ONNX Runtime does not work that padding out
        numbers = {"pads": [2, 2, 2, 2], "dilations": [2, 2], "kernel_shape": [3, 3]}
        wanted = by_onnx_runtime(
            saved(graph_of(*window(kind, "image", "logits", **numbers)), tmp_path / "numbers.onnx")
        )
    assert_alike(path, "onnx", tmp_path, wanted)


@pytest.mark.parametrize("format_name", ["tflite", "coreml"])
@pytest.mark.parametrize("name", ["same lower, stride 2", "maximum", "average", "deconvolution", "shape"])
def test_either_format_takes_it(name: str, format_name: str, tmp_path: Path) -> None:
    kind, attributes = WINDOWS[name]
    path = saved(graph_of(*window(kind, "image", "logits", **attributes)), tmp_path / "net.onnx")
    assert_alike(path, format_name, tmp_path)


def upsampled(opset: int) -> Any:
    """A convolution, a norm and what interpolates in that opset."""
    norm = [stored(name, 6) for name in ("scale", "bias", "mean")] + [
        numpy_helper.from_array(np.full(6, 0.7, np.float32), "var")
    ]
    weights = [stored("first", 6, 3, 3, 3), stored("last", 4, 6, 1, 1), *norm]
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "scale", "bias", "mean", "var"], ["b"]),
        *clipped(opset, weights),
        *resized(opset, weights),
        helper.make_node("Conv", ["d", "last"], ["e"]),
        helper.make_node("Softmax", ["e"], ["f"], axis=1),
        helper.make_node("Add", ["e", "f"], ["logits"]),
    ]
    answer = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4, *SIZE])
    return graph_of(nodes, weights, opset, answer)


def clipped(opset: int, weights: list[Any]) -> list[Any]:
    if opset < 11:
        return [helper.make_node("Clip", ["b"], ["c"], min=0.0, max=6.0)]
    weights.extend(
        numpy_helper.from_array(np.array(value, np.float32), name) for name, value in (("low", 0), ("high", 6))
    )
    return [helper.make_node("Clip", ["b", "low", "high"], ["c"])]


def resized(opset: int, weights: list[Any]) -> list[Any]:
    if opset < 9:
        return [helper.make_node("Upsample", ["c"], ["d"], mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])]
    weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
    if opset == 9:
        return [helper.make_node("Upsample", ["c", "scales"], ["d"], mode="linear")]
    if opset == 10:
        return [helper.make_node("Resize", ["c", "scales"], ["d"], mode="linear")]
    weights.append(numpy_helper.from_array(np.zeros(0, np.float32), "roi"))
    return [helper.make_node("Resize", ["c", "roi", "scales"], ["d"], mode="linear")]


@pytest.mark.parametrize("opset", range(7, 14))
def test_old_opsets_are_brought_up_whatever_is_asked_for(opset: int, tmp_path: Path) -> None:
    path = saved(upsampled(opset), tmp_path / "net.onnx")
    source = load_source(RunOptions(model=str(path), out=tmp_path / "run", isolate=False))
    (version,) = (item.version for item in onnx.load(str(source.onnx_path)).opset_import if item.domain == "")
    assert version >= 13 and (source.onnx_path == path) == (opset == 13)
    assert_alike(path, "onnx", tmp_path)


@pytest.mark.parametrize("format_name", ["tflite", "coreml"])
@pytest.mark.parametrize("opset", [7, 9, 11])
def test_either_format_takes_old_opsets(opset: int, format_name: str, tmp_path: Path) -> None:
    assert_alike(saved(upsampled(opset), tmp_path / "net.onnx"), format_name, tmp_path)


@pytest.mark.parametrize("order", [slice(None, None, -1), [3, 0, 6, 2, 5, 1, 4]])
def test_nodes_in_another_order(order: Any, tmp_path: Path) -> None:
    model = upsampled(13)
    sorted_path = saved(model, tmp_path / "sorted.onnx")
    nodes = list(model.graph.node)
    mixed = nodes[order] if isinstance(order, slice) else [nodes[place] for place in order]
    del model.graph.node[:]
    model.graph.node.extend(mixed)
    path = saved(model, tmp_path / "net.onnx")
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(model)
    assert_alike(path, "coreml", tmp_path, by_onnx_runtime(sorted_path))


def test_nodes_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["image", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w"], ["logits"]),
    ]
    path = saved(graph_of(nodes, [stored("w", 4, 3, 1, 1)]), tmp_path / "net.onnx")
    with pytest.raises(SourceError, match="is not a usable ONNX model"):
        load_source(RunOptions(model=str(path), out=tmp_path / "run"))


def numbered(how: str) -> Any:
    """Logits, an ArgMax, and what exporters put behind it."""
    kept = how in ("kept", "kept float")
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["scores"], pads=[1, 1, 1, 1]),
        helper.make_node("ArgMax", ["scores"], ["numbers"], axis=1, keepdims=int(kept)),
    ]
    kind = {
        "cast": TensorProto.INT32,
        "kept float": TensorProto.FLOAT,
        "float": TensorProto.FLOAT,
        "bytes": TensorProto.UINT8,
    }.get(how, TensorProto.INT64)
    nodes.append(helper.make_node("Cast", ["numbers"], ["answer"], to=kind))
    shape = [1, 1, *SIZE] if kept else [1, *SIZE]
    return graph_of(nodes, [stored("w", 4, 3, 3, 3)], output=helper.make_tensor_value_info("answer", kind, shape))


@pytest.mark.parametrize("how", ["plain", "cast", "bytes", "kept", "kept float", "float"])
def test_class_numbers_are_named_and_the_scores_before_them_offered(how: str, tmp_path: Path) -> None:
    path = saved(numbered(how), tmp_path / "net.onnx")
    options: dict[str, Any] = {"model": str(path), "out": tmp_path / "run", "isolate": False}
    says = (
        r"answers in (int64|int32|uint8|float), which are no scores: 'answer' \(1 x (1 x )?24 x 32\) .*--answer scores"
        r" takes"
    )
    with pytest.raises(SourceError, match=says):
        load_source(RunOptions(**options))
    with pytest.raises(SourceError, match=says):
        load_source(RunOptions(**options, answer="answer"))
    model = onnx.load(str(path))
    model.graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 4, *SIZE]))
    wanted = by_onnx_runtime(saved(model, tmp_path / "both.onnx"), "scores")
    assert_alike(path, "coreml" if how == "cast" else "onnx", tmp_path, wanted, answer="scores")


def test_any_tensor_inside_may_be_the_answer(tmp_path: Path) -> None:
    path = saved(upsampled(11), tmp_path / "net.onnx")
    found = by_artifact(path, "onnx", tmp_path, answer="e")
    assert found.shape == (*SIZE, 4)
    with pytest.raises(SourceError, match="no map of logits called 'nowhere'"):
        load_source(RunOptions(model=str(path), out=tmp_path / "run", isolate=False, answer="nowhere"))


RESIZES: dict[str, dict[str, str]] = {
    "cubic": {"mode": "cubic", "coordinate_transformation_mode": "half_pixel"},
    "cubic by corners": {"mode": "cubic", "coordinate_transformation_mode": "align_corners"},
    "linear from the corner": {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
    "nearest of the middle": {"mode": "nearest", "coordinate_transformation_mode": "half_pixel"},
    "nearest, rounded up": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "ceil"},
}


@pytest.mark.parametrize("name", RESIZES)
def test_resizes_that_torch_lacks_reach_core_ml(name: str, tmp_path: Path) -> None:
    scales = numpy_helper.from_array(np.array([1, 1, 2, 3], np.float32), "scales")
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["a"]),
        helper.make_node("Resize", ["a", "", "scales"], ["logits"], **RESIZES[name]),
    ]
    path = saved(graph_of(nodes, [stored("w", 4, 3, 1, 1), scales]), tmp_path / "net.onnx")
    assert_alike(path, "coreml", tmp_path)
