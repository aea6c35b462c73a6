"""What a .tflite file says of itself, as LiteRT reads it: nothing is assumed from what was asked for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from converters.artifact import ImageInput, Layout, MapOutput, OutputKind, Quantization
from converters.contract import Written
from converters.errors import ConversionError
from converters.formats.tflite.file.flatbuffer import read_model
from converters.source import ModelSource
from converters.tools.importing import tool


def read_back(path: Path, source: ModelSource, kind: OutputKind) -> Written:
    """Input, output and operators of the file; raises ConversionError if it is not the interface promised."""
    interpreter = tool("ai_edge_litert.interpreter", "tflite").Interpreter(model_path=str(path))
    try:
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConversionError(f"LiteRT cannot prepare the written file ({reason})") from error
    signatures = interpreter.get_signature_list()
    if len(signatures) != 1:
        raise ConversionError(f"the written file has {len(signatures)} signatures instead of one")
    runner = interpreter.get_signature_runner()
    (image_name, image), (answer_name, answer) = _only(runner.get_input_details()), _only(runner.get_output_details())
    wanted_image = (1, *source.input_size, source.channels)
    classes = len(source.classes)
    wanted_answer = (1, *source.output_size, classes) if kind is OutputKind.LOGITS else (1, *source.output_size)
    for what, details, wanted in (("input", image, wanted_image), ("output", answer, wanted_answer)):
        if tuple(int(size) for size in details["shape"]) != wanted:
            raise ConversionError(f"the written file's {what} has shape {tuple(details['shape'])} instead of {wanted}")
    return Written(
        image=ImageInput(
            image_name,
            *source.input_size,
            source.pixel_range,
            Layout.NHWC,
            dtype=np.dtype(image["dtype"]).name,
            quantization=_quantization(image),
            channels=source.channels,
        ),
        output=MapOutput(
            answer_name,
            *source.output_size,
            classes,
            kind,
            Layout.NHWC,
            dtype=np.dtype(answer["dtype"]).name,
            quantization=_quantization(answer),
        ),
        provenance={"signature": next(iter(signatures)), "operators": _operators(path)},
    )


def _only(details: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if len(details) != 1:
        raise ConversionError(f"the written file has {len(details)} inputs or outputs ({', '.join(details)}), not one")
    return next(iter(details.items()))


def _quantization(details: dict[str, Any]) -> Quantization | None:
    scale, zero_point = details["quantization"]
    return Quantization(float(scale), int(zero_point)) if scale else None


def _operators(path: Path) -> str:
    counts = Counter(operator for graph in read_model(path).graphs for operator in graph.operators)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
