"""Activation ranges of a float32 .tflite file, measured on calibration pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from converters.artifact import PixelRange
from converters.tools import tool
from quantization.calibration import CalibrationSet

EXTRA = "tflite"


def activation_ranges(
    float_file: Path, quantizer_recipe: Any, calibration: CalibrationSet, pixel_range: PixelRange
) -> dict[str, dict[str, Any]]:
    """Smallest and largest value of every tensor over all pictures: tensor name -> ``{"min": array, "max": array}``.

    The quantizer's own default is a moving average that starts at the first picture and leaves it almost half of the
    weight after sixteen; the extremes over the whole set depend on no order. Statistics come from the runtime's
    profiler, a quarter of the time of copying every tensor out. They are kept beside `float_file` for other recipes.

    Raises:
        MissingToolError: ai-edge-quantizer is not installed.
    """
    kept = float_file.with_name(f"{float_file.stem}-ranges-{calibration.digest()[:16]}.json")
    if not kept.exists():
        measured = _measure(float_file, quantizer_recipe, calibration, pixel_range)
        kept.write_text(json.dumps(measured))
    return {
        name: {edge: np.asarray(value, dtype=np.float32) for edge, value in edges.items()}
        for name, edges in json.loads(kept.read_text()).items()
    }


def _measure(
    float_file: Path, quantizer_recipe: Any, calibration: CalibrationSet, pixel_range: PixelRange
) -> dict[str, dict[str, list[float]]]:
    calibrators = tool("ai_edge_quantizer.calibrator", EXTRA)
    updates = tool("ai_edge_quantizer.utils.qsv_utils", EXTRA)
    manager = tool("ai_edge_quantizer.recipe_manager", EXTRA).RecipeManager()
    manager.load_quantization_recipe(quantizer_recipe)
    calibrator = calibrators.Calibrator(
        str(float_file),
        num_threads=os.cpu_count() or 1,
        mode=calibrators.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=updates.min_max_update,
    )
    pictures = calibration.tensors(unit_range=pixel_range is PixelRange.UNIT)
    calibrator.calibrate({_signature(float_file): [{"image": picture} for picture in pictures]}, manager)
    return {
        name: {edge: np.ravel(value).tolist() for edge, value in edges.items()}
        for name, edges in calibrator.get_model_qsvs().items()
    }


def _signature(float_file: Path) -> str:
    interpreter = tool("ai_edge_litert.interpreter", EXTRA).Interpreter(model_path=str(float_file))
    (name,) = interpreter.get_signature_list()
    return str(name)
