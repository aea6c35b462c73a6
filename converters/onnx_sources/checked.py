"""Check ONNX graphs, simplify them, and name the opset that all of them are written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from converters.errors import ConversionError, SourceError
from converters.onnx_sources.reading import picture_and_answers, sizes_of
from converters.source import ModelSource
from converters.tools.importing import tool

OPSET = 17
"""onnx2tf's SavedModel fails on the reductions of opset 18."""
LARGEST_ERROR = 1e-3
"""Largest accepted difference, as a fraction of the range of the answer (float32 round-off is below 1e-5)."""


def check_onnx_source(source: ModelSource) -> tuple[str, str]:
    """Names of the one input and the one output of an ONNX source whose shapes are as the source states.

    Raises:
        SourceError: missing or broken file, or another interface.
    """
    onnx = tool("onnx", "onnx")
    path = source.onnx_path
    if path is None or not path.is_file():
        raise SourceError(f"{path} is not a file; give the path of an ONNX model")
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker each raise their own types
        reason = str(error).strip().split("\n")[0]
        raise SourceError(f"{path} is not a valid ONNX model ({reason}); export it again") from error
    inputs, outputs = picture_and_answers(model)
    wanted = [source.picture_shape()], [(1, len(source.classes), *source.output_size)]
    found = [sizes_of(item) for item in inputs], [sizes_of(item) for item in outputs]
    if found != wanted:
        raise SourceError(
            f"{path} maps {found[0]} to {found[1]}, but one picture {wanted[0][0]} to one score map {wanted[1][0]} is "
            "needed; export it with fixed sizes"
        )
    return inputs[0].name, outputs[0].name


def simplified(model: Any, shapes: Mapping[str, Sequence[int]] | None = None) -> Any:
    """Fold the shape arithmetic that the exporter leaves around every resize; `shapes` fixes inputs whose sizes are
    open.
    """
    simplified, equal = tool("onnxsim", "onnx").simplify(model, overwrite_input_shapes=shapes)
    if not equal:
        raise ConversionError("onnxsim changed what the exported ONNX graph computes; please report the network")
    del simplified.metadata_props[:]  # the simplifier's diary, longer than the graph
    return simplified


def check_same(before: Any, after: Any, origin: str) -> None:
    """Raise SourceError unless two graphs with the same inputs and outputs answer alike to a noise picture, in ONNX
    Runtime.

    `after` has fixed sizes. A graph that ONNX Runtime cannot run as it was is compared with nothing.
    """
    runtime = tool("onnxruntime", "onnx")
    settings = runtime.SessionOptions()
    settings.log_severity_level = 4
    # Its optimizer places the pixels of Upsample in opset 9 otherwise than its kernel does.
    settings.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        sessions = [
            runtime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
            for model in (before, after)
        ]
        (given,) = sessions[1].get_inputs()
        kind = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
        noise = np.random.default_rng(0).random(given.shape) * (255 if given.type == "tensor(uint8)" else 1)
        picture = {given.name: noise.astype(kind.get(given.type, np.float32))}
        expected, found = (session.run(None, picture) for session in sessions)
    except Exception:  # noqa: BLE001 - its errors share no base class; what runs is tried next, with its own sentence
        return
    for one, other in zip(expected, found, strict=True):
        apart = np.abs(one.astype(np.float64) - other.astype(np.float64)) if one.shape == other.shape else np.inf
        if not np.max(apart) <= LARGEST_ERROR * max(float(np.ptp(one)), 1e-12):
            raise SourceError(
                f"{origin} computes something else once it is brought to the opset that converters read; export it "
                f"with opset {OPSET}"
            )
