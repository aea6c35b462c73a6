"""Measure statistics and activation ranges of a float32 .tflite file on calibration pictures.

Every result inside the graph is declared an output of it, in memory. So XNNPACK computes them all as fast as ever,
where asking the interpreter to preserve tensors takes four times as long, and the values are those of the float file on
a phone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.artifact import PixelRange, content_hash
from converters.contract import Job
from converters.errors import SourceError
from converters.formats.tflite.file.flatbuffer import IDENTIFIER, read_model
from converters.formats.tflite.quantizing.reach import within_reach
from converters.tools.importing import tool
from quantization import NumberType, RecipeError
from quantization.calibration import Method, StatisticsRecorder, TensorStatistics, decisive_range
from quantization.calibration.gathering import gather, ranges_of
from quantization.calibration.methods import SMALLEST_SPAN

EXTRA = "tflite"
NAME = "tflite"
WINNER, RUNNER_UP = " (winner)", " (runner-up)"
"""Behind the name of the logits' tensor: its largest and second largest value at each pixel."""
MOVING = ("RESHAPE", "TRANSPOSE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
DECIDING = ("ARG_MAX", "CAST", "RESHAPE")
USUAL_METHOD = Method.MEAN
NO_ENDS: Mapping[str, float] = MappingProxyType({})


def activation_ranges(
    float_file: Path, job: Job, lows: Mapping[str, float] = NO_ENDS, highs: Mapping[str, float] = NO_ENDS
) -> dict[str, dict[str, Any]]:
    """Find the range of every tensor as ai_edge_quantizer takes it: tensor name -> ``{"min": array, "max": array}``.

    It follows the calibration's method. The picture itself gets the whole range it may take, and logits, if the recipe
    says so, the range in which classes are decided. `lows` and `highs` name tensors whose range ends there: what lies
    beyond is masked.

    Raises:
        MissingToolError: ai-edge-litert is not installed.
        ConversionError: there are no calibration pictures.
        SourceError: a tensor is not finite on some picture.
    """
    statistics = tensor_statistics(float_file, job)
    tensors = {name: item for name, item in statistics.items() if not name.endswith((WINNER, RUNNER_UP))}
    ranges = ranges_of(tensors, job.pictures(), USUAL_METHOD, NAME, job.recipe.activations.bits)
    ranges[_picture_tensor(float_file)] = (0.0, job.source.pixel_range.scale)
    for name in logits_tensors(float_file) if job.recipe.decisive_logits else ():
        ranges[name] = decisive_range(statistics[name + WINNER], statistics[name + RUNNER_UP])
    for name in {*lows, *highs} & set(ranges):
        low, high = lows.get(name, ranges[name][0]), highs.get(name, ranges[name][1])
        ranges[name] = (min(low, 0.0), max(high, 0.0, low + SMALLEST_SPAN))
    if job.recipe.activations is NumberType.INT8:
        ranges = within_reach(float_file, ranges)
    # In the rank of the tensor: a constant that shares its scale (a token that is concatenated) is refused any other.
    ranks = {tensor.name: len(tensor.shape) for graph in read_model(float_file).graphs for tensor in graph.tensors}
    return {
        name: {"min": _filled(low, ranks[name]), "max": _filled(high, ranks[name])}
        for name, (low, high) in ranges.items()
    }


def _filled(value: float, rank: int) -> NDArray[np.float32]:
    return np.full((1,) * rank, value, dtype=np.float32)


def logits_tensors(float_file: Path) -> tuple[str, ...]:
    """The float tensor that the answer is read from, and those before it that only move or resize the same values.

    Such operators share one scale with their input, so all of them get one range.
    """
    (graph,) = read_model(float_file).graphs
    producers = {number: step for step in graph.steps for number in step.outputs}
    number, found = graph.outputs[0], []
    while number in producers:
        tensor, step = graph.tensors[number], producers[number]
        if tensor.dtype == "float32":
            found.append(tensor.name)
            if step.name not in MOVING:
                break
        elif step.name not in DECIDING:
            break
        number = step.inputs[0]
    return tuple(found)


def tensor_statistics(float_file: Path, job: Job) -> Mapping[str, TensorStatistics]:
    """Gather statistics of every float result inside the file and of the picture, channels last.

    Raises:
        ConversionError: there are no calibration pictures.
        SourceError: a tensor is not finite on some picture.
    """
    calibration = job.pictures()

    def measure(recorder: StatisticsRecorder) -> None:
        interpreter, picture, watched = watching(float_file)
        logits = logits_tensors(float_file)
        pictures = calibration.tensors(unit_range=job.source.pixel_range is PixelRange.UNIT)
        for place, image in enumerate(pictures, start=1):
            job.tell("calibrating, picture", place, len(pictures))
            interpreter.set_tensor(picture, image)
            interpreter.invoke()
            for name, number in watched.items():
                values = interpreter.get_tensor(number)
                recorder.add(name, values)
                if name in logits and values.ndim and values.shape[-1] > 1:
                    best = np.partition(values, -2, axis=-1)
                    recorder.add(name + WINNER, best[..., -1])
                    recorder.add(name + RUNNER_UP, best[..., -2])

    try:
        return gather(calibration, content_hash(float_file), NAME, measure, -1, float_file.parent)
    except RecipeError as error:
        raise SourceError(str(error)) from error


def watching(float_file: Path) -> tuple[Any, int, dict[str, int]]:
    """An interpreter of the file that lets every float tensor be read, the picture's number, and the others' by
    name."""
    schema = tool("ai_edge_litert.schema_py_generated", EXTRA)
    model = schema.ModelT.InitFromPackedBuf(float_file.read_bytes(), 0)
    (graph,) = model.subgraphs
    results = [
        number
        for operator in graph.operators
        for number in operator.outputs
        if graph.tensors[number].type == schema.TensorType.FLOAT32
    ]
    graph.outputs = np.asarray(results, dtype=np.int32)
    model.signatureDefs = None
    builder = tool("flatbuffers", EXTRA).Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    interpreter = tool("ai_edge_litert.interpreter", EXTRA).Interpreter(
        model_content=bytes(builder.Output()), num_threads=_threads()
    )
    interpreter.allocate_tensors()
    (picture,) = (int(number) for number in graph.inputs)
    watched = {graph.tensors[number].name.decode(): int(number) for number in (picture, *results)}
    return interpreter, picture, watched


def _threads() -> int:
    """As many as the process may use; OMP_NUM_THREADS limits LiteRT too, though LiteRT itself does not read it."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdigit() and int(limit) > 0 else os.cpu_count() or 1


def _picture_tensor(float_file: Path) -> str:
    interpreter = tool("ai_edge_litert.interpreter", EXTRA).Interpreter(model_path=str(float_file))
    return str(interpreter.get_signature_runner().get_input_details()["image"]["name"])
