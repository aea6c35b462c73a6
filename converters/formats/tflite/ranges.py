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
    """Range of every tensor: tensor name -> ``{"min": array, "max": array}``.

    The mean over the pictures of each picture's extremes; for the picture itself, the whole range it may take. On an
    early FP-LIIF this kept 97.9 % of the float network's pixels where the extremes over all pictures kept 96.6 %: one
    outlier no longer widens every step. The quantizer's own default, a moving average, comes to much the same but
    depends on the order of the pictures. Statistics come from the runtime's profiler, a quarter of the time of copying
    every tensor out. They are kept beside `float_file` for other recipes.

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
    manager = tool("ai_edge_quantizer.recipe_manager", EXTRA).RecipeManager()
    manager.load_quantization_recipe(quantizer_recipe)
    calibrator = calibrators.Calibrator(
        str(float_file),
        num_threads=os.cpu_count() or 1,
        mode=calibrators.CalibrationMode.CALIBRATION_PROFILER_BASED,
    )
    signature, image_tensor = _signature(float_file)
    measured = []
    for picture in calibration.tensors(unit_range=pixel_range is PixelRange.UNIT):
        calibrator.reset_model_qsvs()
        calibrator.calibrate({signature: [{"image": picture}]}, manager)
        measured.append(calibrator.get_model_qsvs())
    ranges = {
        name: {edge: np.mean([np.ravel(item[name][edge]) for item in measured], axis=0).tolist() for edge in edges}
        for name, edges in measured[0].items()
    }
    return ranges | {image_tensor: {"min": [0.0], "max": [pixel_range.scale]}}


def _signature(float_file: Path) -> tuple[str, str]:
    """Names of the file's one signature and of its picture tensor."""
    interpreter = tool("ai_edge_litert.interpreter", EXTRA).Interpreter(model_path=str(float_file))
    (name,) = interpreter.get_signature_list()
    return str(name), str(interpreter.get_signature_runner().get_input_details()["image"]["name"])
