"""Convert to TFLite: float graph -> check against the source -> quantize -> read back."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from converters.contract import Converter, Job, Part, Written
from converters.errors import SourceError
from converters.formats.tflite.file.layers import kept_layers
from converters.formats.tflite.file.readback import read_back
from converters.formats.tflite.file.signatures import check_signatures, join_signatures
from converters.formats.tflite.float_file.float_graph import float_graph
from converters.formats.tflite.quantizing.quantize import quantize, quantize_by_tensorflow
from converters.onnx_sources.torch_import import IMPORTED, TOOLS
from converters.source import ModelSource
from quantization import NumberType

FROM_TORCH = "litert-torch"
FROM_ONNX = "onnx2tf"
TENSORFLOW = "tensorflow"
"""As onnx2tf, and calibrated 8 bits by TensorFlow's own quantizer."""


class TFLiteConverter(Converter):
    """Writes NHWC float32 ``image`` -> float32 ``logits`` (1, h, w, C) or int32 ``labels`` (1, h, w).

    Inputs and outputs stay float32 in every recipe unless its `interface` says otherwise.
    """

    format = "tflite"
    edition = 7
    suffix = ".tflite"
    routes = (FROM_TORCH, FROM_ONNX, TENSORFLOW, IMPORTED)
    joins = True
    keeps_operators = True

    def tools(self, route: str) -> tuple[str, ...]:
        common = ("ai-edge-quantizer", "ai-edge-litert")
        if route == FROM_TORCH:
            return ("torch", "litert-torch", "litert-converter", *common)
        if route == IMPORTED:
            return (*TOOLS, "litert-torch", "litert-converter", *common)
        return ("torch", "onnx", "onnxsim", "onnx2tf", "tensorflow", "tf_keras", *common)

    def default_route(self, source: ModelSource) -> str:
        return FROM_TORCH if source.module is not None else FROM_ONNX

    def other_routes(self, source: ModelSource) -> tuple[str, ...]:
        return (FROM_ONNX,) if source.module is not None else (IMPORTED,)

    def check(self, source: ModelSource, route: str) -> None:
        if route == FROM_TORCH and source.module is None:
            raise SourceError(f"route {route!r} starts from a torch network, not from ONNX; choose {FROM_ONNX!r}")
        if route == IMPORTED and source.module is not None:
            raise SourceError(f"route {route!r} starts from an ONNX file, not from torch; choose {FROM_TORCH!r}")

    def convert(self, job: Job) -> Written:
        conversion = job.conversion
        base = float_graph(job)
        if job.recipe.weights is NumberType.FLOAT32:
            kept_layers(base.path, conversion.keep)
            shutil.copyfile(base.path, job.destination)
        elif conversion.route == TENSORFLOW and job.recipe.needs_calibration:
            quantize_by_tensorflow(job)
        else:
            quantize(base.path, job)
        job.tell("reading the file back")
        written = read_back(job.destination, job.source, job.output)
        facts = {"route": conversion.route, "agreement with the source before quantization": base.agreement}
        if job.calibration is not None and job.recipe.needs_calibration:
            facts["calibration"] = f"{len(job.calibration.images)} pictures, {job.calibration.origin}"
        if conversion.keep:
            facts["kept"] = ", ".join(f"{number.value}:{pattern}" for pattern, number in conversion.keep)
        return Written(written.image, written.output, facts | written.provenance)

    def join(self, parts: Sequence[Part], destination: Path) -> None:
        join_signatures({part.name: part.path for part in parts}, destination)
        check_signatures(destination, {part.name: part.path for part in parts})


CONVERTER = TFLiteConverter()
