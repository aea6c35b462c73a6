"""Make the float32 .tflite file that every TFLite recipe starts from, once per workspace, and compare it with its
source."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.artifact import OutputKind
from converters.contract import Job
from converters.conversion.shared_failures import failing_once
from converters.errors import ConversionError, SourceError
from converters.formats.onnx import logits_graph
from converters.formats.tflite.float_file.moves import straighten
from converters.formats.tflite.float_file.onnx2tf_route import onnx_to_tflite
from converters.onnx_sources.checked import check_onnx_source
from converters.onnx_sources.torch_import import IMPORTED, imported
from converters.source import ModelSource
from converters.tools.importing import tool

LARGEST_LOGIT_ERROR = 1e-3
"""Largest accepted difference from the source, as a fraction of the logits' range (float32 round-off is below 1e-5)."""
LARGEST_LABEL_ERROR = 1e-3
"""Largest accepted fraction of differing pixels where the graph answers with labels: near ties may fall either way."""

_BEGINNING = {"litert-torch": "torch", IMPORTED: IMPORTED}
"""Routes that hand litert-torch a torch network; where it comes from, in names of files."""


@dataclass(frozen=True)
class FloatGraph:
    """Name the file, and say in words how well it agrees with the source."""

    path: Path
    agreement: str


def float_graph(job: Job) -> FloatGraph:
    """Convert to float32 TFLite by the job's route, or hand back what its workspace already holds.

    Raises:
        MissingToolError: a needed package is not installed.
        ConversionError: the route failed, or its file computes something else than the source.
    """
    stem = f"tflite-{_BEGINNING.get(job.conversion.route, 'onnx')}-{job.output.value}"
    made, path = job.workspace / f"{stem}.json", job.workspace / f"{stem}.tflite"
    if made.exists():
        document = json.loads(made.read_text())
        return FloatGraph(Path(document["path"]), document["agreement"])
    with failing_once(job.workspace / f"{stem}.failed"):
        _convert(job, path)
        job.tell("comparing the float graph with its source")
        graph = FloatGraph(path, _agreement(job, path))
    made.write_text(json.dumps(asdict(graph), default=str))
    return graph


def _convert(job: Job, path: Path) -> None:
    if job.conversion.route in _BEGINNING:
        job.tell(f"making the float graph by {job.conversion.route}")
        _from_torch(imported(job.source), job.output, path)
    else:
        job.tell("exporting to ONNX")
        graph = logits_graph(job.source, job.workspace)
        job.tell("making the float graph by onnx2tf")
        onnx_to_tflite(graph, job, path)
    job.tell("simplifying the float graph")
    straighten(path)


def _from_torch(source: ModelSource, output: OutputKind, path: Path) -> None:
    litert_torch = tool("litert_torch", "tflite")
    import torch

    from converters.formats.tflite.torch_forms.rewrites import Rewritten
    from converters.torch_sources.heads import example_image, torch_module

    picture = example_image(source)
    wrapped = Rewritten(torch_module(source, "TFLite"), output, picture).eval()
    image = picture.permute(0, 2, 3, 1).contiguous()
    with torch.no_grad():
        litert_torch.convert(wrapped, sample_kwargs={"image": image}).export(str(path))


def _agreement(job: Job, path: Path) -> str:
    """Run the file and the source on one noise picture; raises ConversionError unless they agree, SourceError if the
    source gives no numbers."""
    source, output = job.source, job.output
    interpreter_module = tool("ai_edge_litert.interpreter", "tflite")
    rng = np.random.default_rng(0)
    image = rng.random((1, *source.input_size, source.channels), dtype=np.float32) * np.float32(
        source.pixel_range.scale
    )
    runner = interpreter_module.Interpreter(model_path=str(path)).get_signature_runner()
    found: NDArray[Any] = runner(image=image)[output.value]
    expected = np.moveaxis(_source_logits(source, np.moveaxis(image, 3, 1), job.workspace), 1, 3)
    if not np.isfinite(expected).all():
        raise SourceError(
            f"{source.name} answers with NaN or infinity on a picture of noise; check its weights, the pixel range and"
            " its masks"
        )
    if output is OutputKind.LABELS:
        wrong = float((found != expected.argmax(-1)).mean())
        agreed, words = wrong <= LARGEST_LABEL_ERROR, f"{100 * (1 - wrong):.3f} % of pixels"
    else:
        if found.shape != expected.shape:
            raise ConversionError(f"the converted file answers {found.shape}, the source {expected.shape}")
        error = float(np.abs(found - expected).max()) / max(float(np.ptp(expected)), 1e-12)
        agreed = error <= LARGEST_LOGIT_ERROR
        words = f"{-20 * math.log10(error):.0f} dB of the logits' range" if error > 0 else "exact"
    if not agreed:
        raise ConversionError(f"the converted float32 file computes something else than the source (agrees to {words})")
    return words


def _source_logits(source: ModelSource, image: NDArray[np.float32], workspace: Path) -> NDArray[np.float32]:
    """Ask the source itself: float32 (1, 3, H, W) -> float32 (1, C, h, w)."""
    image = np.ascontiguousarray(image)
    if source.module is not None:
        import torch

        with torch.inference_mode():
            logits: NDArray[np.float32] = source.module.eval()(torch.from_numpy(image)).numpy()
        return logits
    input_name, output_name = check_onnx_source(source)
    runtime = tool("onnxruntime", "onnx")
    session = runtime.InferenceSession(str(logits_graph(source, workspace)), providers=["CPUExecutionProvider"])
    (answer,) = session.run([output_name], {input_name: image})
    return np.asarray(answer, dtype=np.float32)
