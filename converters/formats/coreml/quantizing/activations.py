"""8-bit activations: the inputs of operators with weights pass through `quantize` and `dequantize`.

    float16   x -------------------------> conv -> relu -> add ...
    w8a8      x -> quantize -> dequantize -> conv -> relu -> add ...     (weights 8-bit as well)

The first operator is left out: its input is the normalised picture, 256 levels that seldom are multiples of a step
through zero (of -1 .. 1 not one is), and with three channels it has few multiplications to save. Runtimes fuse the pair
and the 8-bit weights into an integer convolution. Sums of residual branches and the answer stay
floats: they are not multiplied by weights, so 8 bits would lose accuracy there without saving multiplications.

coremltools does this too (`linear_quantize_activations`), but measures the ranges through `MLModel.predict`, which
exists on macOS only. Here the ranges come from the calibration set's observer, which runs the same file anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.artifact import content_hash
from converters.contract import Job
from converters.errors import ConversionError, SourceError
from converters.formats.coreml.quantizing.compress import OPERATORS_WITH_WEIGHTS, operations_of, weight_shapes
from converters.formats.coreml.tool import coremltools
from converters.tools.importing import tool
from quantization import RecipeError
from quantization.calibration import Method, Range, StatisticsRecorder
from quantization.calibration.gathering import gather, ranges_of

NAME = "coreml"
USUAL_METHOD = Method.MINMAX
QUANTIZABLE = ("conv", "linear")
"""Operators with weights that coremltools' pass takes."""

SMALLEST_SPAN = 2.0**-10
"""A tensor that was the same everywhere has no range; a scale of zero would divide by zero."""


def with_integer_activations(model: Any, package: Path, job: Job, left_alone: Collection[str] = ()) -> Any:
    """Return a coremltools MLModel with 8-bit inputs to its operators, except to the first and those named in
    `left_alone`.

    Args:
        model: float ML Program for iOS 17 or later, not yet compressed.
        package: the same, saved.
        job: its calibration pictures have the program's input size, and come with an observer.

    Raises:
        ConversionError: there is nothing that could measure the ranges.
        SourceError: a tensor is not finite on a calibration picture.
    """
    if job.calibration is None or job.calibration.observer is None:
        raise ConversionError(
            f"recipe {job.recipe.name!r} measures activations by running the program on calibration pictures, and"
            " nothing that runs it was given; convert through segport, or give the CalibrationSet an observer"
        )
    ranges = activation_ranges(package, job, _multiplied(model))
    first = list(weight_shapes(model))[:1]
    return _apply(model, {name: _as_statistics(*ends) for name, ends in ranges.items()}, [*left_alone, *first])


def _multiplied(model: Any) -> frozenset[str]:
    """Name the tensors that are multiplied by weights, and the answers: what is infinite there is broken, and no
    mask."""
    read = [operation.inputs["x"] for operation in operations_of(model) if operation.op_type in OPERATORS_WITH_WEIGHTS]
    return frozenset(item.name for item in (*read, *model.get_spec().description.output))


def activation_ranges(package: Path, job: Job, finite: Collection[str] = ()) -> Mapping[str, Range]:
    """Find the range of every float tensor of a package by the calibration's method.

    Masks put minus infinity among values. It has no range, and needs none where nothing but a softmax or a maximum
    reads it: there it counts as the lowest finite value. The tensors named in `finite` are refused with it.

    Raises:
        SourceError: a tensor holds NaN on a picture, or infinity where that is no mask.
    """
    calibration = job.pictures()
    observer = calibration.observer
    assert observer is not None, "checked by the caller"

    def measure(recorder: StatisticsRecorder) -> None:
        def add(name: str, values: NDArray[np.floating]) -> None:
            recorder.add(name, values if name in finite else _with_finite_ends(values))

        job.tell("calibrating")
        observer(package, calibration.images, add)

    try:
        statistics = gather(calibration, content_hash(package), NAME, measure, 1, package.parent)
    except RecipeError as error:
        raise SourceError(str(error)) from error
    return ranges_of(statistics, calibration, USUAL_METHOD, NAME, job.recipe.activations.bits)


def _with_finite_ends(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Put the lowest and the highest finite value in place of infinite ones; NaN stays."""
    ordinary = np.isfinite(values)
    if ordinary.all() or np.isnan(values).any():
        return values
    kept = values[ordinary] if ordinary.any() else np.zeros(1, values.dtype)
    return np.clip(values, kept.min(), kept.max())


def _as_statistics(low: float, high: float) -> Mapping[str, float]:
    return {"rmin": low, "rmax": max(high, low + SMALLEST_SPAN)}


def _apply(model: Any, statistics: Mapping[str, Mapping[str, float]], left_alone: Collection[str]) -> Any:
    """coremltools' own pass, with statistics from elsewhere.

    Its public function computes them itself; the pass and what applies it have no public name in coremltools 9.
    """
    ct = coremltools()
    optimize = tool("coremltools.optimize.coreml", "coreml")
    passes = tool("coremltools.converters.mil.mil.passes.pass_registry", "coreml").PASS_REGISTRY
    option = tool("coremltools.converters.mil.mil.passes.graph_pass", "coreml").PassOption
    # A zero point costs nothing and gives activations behind a ReLU, which are never negative, all 256 steps.
    how = optimize.OpLinearQuantizerConfig(mode="linear", dtype="int8", weight_threshold=0)
    config = optimize.OptimizationConfig(
        op_type_configs=dict.fromkeys(QUANTIZABLE, how), op_name_configs=dict.fromkeys(left_alone)
    )
    insert = passes["compression::insert_prefix_quantize_dequantize_pair"]
    insert.set_options([option("config", config), option("activation_stats", dict(statistics))])
    return ct.models.utils._apply_graph_pass(model, insert, spec_version=model.get_spec().specificationVersion)
