"""Write ONNX: an artifact of its own, and the way to TFLite for sources that are ONNX already."""

from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from converters.artifact import ImageInput, Layout, MapOutput, OutputKind
from converters.contract import Converter, Job, Written
from converters.errors import ConversionError, SourceError
from converters.onnx_sources.checked import OPSET, check_onnx_source, simplified
from converters.onnx_sources.reading import picture_and_answers, sizes_of
from converters.scores import Scores
from converters.source import ModelSource
from converters.tools.importing import tool

LARGEST_ERROR = 1e-3
"""Largest accepted difference from the network, as a fraction of the logits' range (float32 round-off is below
1e-5)."""


class OnnxConverter(Converter):
    """Writes a checked ONNX graph, NCHW float32 ``image`` -> float32 ``logits`` or int32 ``labels``.

    An ONNX source keeps its graph, opset and names; only metadata (and the argmax, if asked for) are added.
    """

    format = "onnx"
    suffix = ".onnx"
    edition = 2
    routes = ("torch", "copy")

    def tools(self, route: str) -> tuple[str, ...]:
        return ("torch", "onnx", "onnxsim") if route == "torch" else ("onnx",)

    def default_route(self, source: ModelSource) -> str:
        return "torch" if source.module is not None else "copy"

    def check(self, source: ModelSource, route: str) -> None:
        if route != self.default_route(source):
            kind = "a torch network" if source.module is not None else "an ONNX file"
            raise SourceError(f"route {route!r} to ONNX does not start from {kind}; leave the route out")

    def convert(self, job: Job) -> Written:
        onnx = tool("onnx", "onnx")
        job.tell("exporting to ONNX")
        model = onnx.load(str(logits_graph(job.source, job.workspace)))
        if job.output is OutputKind.LABELS:
            _append_argmax(model)
        _describe(model, job)
        job.tell("checking the graph")
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(job.destination))
        return _written(model, job)


def logits_graph(source: ModelSource, workspace: Path) -> Path:
    """Make a checked ONNX file that answers with logits; exported once per workspace.

    Raises:
        ConversionError: the exporter or the checker refused the network, or the file computes something else.
        SourceError: the ONNX source is unreadable or is not one picture in, one score map out.
    """
    onnx = tool("onnx", "onnx")
    if source.onnx_path is not None:
        check_onnx_source(source)
        return source.onnx_path
    path = workspace / "logits.onnx"
    if path.exists():
        return path
    model = simplified(_exported(source, workspace))
    onnx.checker.check_model(model, full_check=True)
    unchecked = workspace / "unchecked.onnx"
    onnx.save(model, str(unchecked))
    _check_answer(unchecked, source)
    unchecked.replace(path)
    return path


def _check_answer(path: Path, source: ModelSource) -> None:
    """Raise ConversionError unless ONNX Runtime answers with the file as the network does, to a picture of noise."""
    import torch

    from converters.torch_sources.heads import example_image, torch_module

    picture = example_image(source)
    session = tool("onnxruntime", "onnx").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: picture.numpy()})
    with torch.inference_mode():
        expected = torch_module(source, "ONNX")(picture).numpy()
    if found.shape != expected.shape:
        raise ConversionError(f"the exported ONNX file answers {found.shape}, the network {expected.shape}")
    error = float(np.abs(found - expected).max()) / max(float(np.ptp(expected)), 1e-12)
    if error > LARGEST_ERROR:
        raise ConversionError(
            f"the exported ONNX file computes something else than the network (agrees to {-20 * math.log10(error):.0f}"
            " dB of the logits' range): torch's exporter writes one of its operations wrongly"
        )


def _exported(source: ModelSource, workspace: Path) -> Any:
    """Export torch to ONNX by the TorchScript exporter: the newer one writes opset 18 and cannot be brought down to
    17."""
    import torch

    from converters.torch_sources.heads import example_image, torch_module
    from converters.torch_sources.shared_rewrites import plain_forms

    onnx = tool("onnx", "onnx")
    raw = workspace / "exported.onnx"
    network, picture = torch_module(source, "ONNX"), example_image(source)
    with warnings.catch_warnings(), torch.no_grad(), plain_forms(network, picture):
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (picture,),
            str(raw),
            opset_version=OPSET,
            dynamo=False,
            input_names=["image"],
            output_names=["logits"],
        )
    return onnx.load(str(raw))


def _append_argmax(model: Any) -> None:
    """Turn logits (1, C, h, w) into labels int32 (1, h, w) by two nodes behind the graph's output."""
    helper, types = tool("onnx", "onnx").helper, tool("onnx", "onnx").TensorProto
    (logits,) = model.graph.output
    _, _, height, width = sizes_of(logits)
    model.graph.node.extend(
        [
            helper.make_node("ArgMax", [logits.name], ["labels_int64"], name="labels_argmax", axis=1, keepdims=0),
            helper.make_node("Cast", ["labels_int64"], ["labels"], name="labels_cast", to=types.INT32),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("labels", types.INT32, [1, height, width]))


def _describe(model: Any, job: Job) -> None:
    source = job.source
    facts = {
        "classes": json.dumps(source.classes),
        "colours": json.dumps(source.colours),
        "pixel_range": source.pixel_range.value,
        "recipe": job.recipe.name,
        "weights_sha256": source.weights_sha256,
    }
    if source.meaning.scores is not Scores.LOGITS:
        facts["scores"] = source.meaning.scores.value
    kept = {item.key: item.value for item in model.metadata_props}
    tool("onnx", "onnx").helper.set_model_props(model, {**kept, **{f"segport.{k}": v for k, v in facts.items()}})
    model.producer_name = model.producer_name or "segport"


def _written(model: Any, job: Job) -> Written:
    source = job.source
    (image,), (answer,) = picture_and_answers(model)
    labels = job.output is OutputKind.LABELS
    _, _, height, width = sizes_of(image)
    map_height, map_width = sizes_of(answer)[-2:]
    ops = Counter(node.op_type for node in model.graph.node)
    return Written(
        image=ImageInput(image.name, height, width, source.pixel_range, Layout.NCHW, channels=source.channels),
        output=MapOutput(
            answer.name,
            map_height,
            map_width,
            len(source.classes),
            job.output,
            Layout.NCHW,
            dtype="int32" if labels else "float32",
        ),
        provenance={
            "route": job.conversion.route,
            "opset": str(next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))),
            "operators": ", ".join(f"{name} {count}" for name, count in sorted(ops.items())),
        },
    )


CONVERTER = OnnxConverter()
