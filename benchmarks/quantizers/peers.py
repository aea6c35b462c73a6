"""The competitors: each turns the setting into one 8-bit artifact the way its own documentation shows."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.quantizers.setting import Setting, changed, onnx_artifact, renamed, tflite_artifact
from converters import Artifact, ConversionError
from quantization import Repair, WeightRange, recipe
from quantization.calibration import Method

ONNX2TF_WORKER = Path(__file__).with_name("onnx2tf_worker.py")


@dataclass(frozen=True)
class Peer:
    """One row.

    Attributes:
        name: identifier.
        title: for people.
        make: (setting, empty folder) -> artifact.
        prepare: what is made before the clock of the conversion starts: the float graph it begins with.
    """

    name: str
    title: str
    make: Callable[[Setting, Path], Artifact]
    prepare: Callable[[Setting], Any] = lambda setting: None


def segport(name: str, title: str, **changes: Any) -> Peer:
    """Convert with segport and other options than its plain int8 run has."""

    def make(setting: Setting, folder: Path) -> Artifact:
        from toolkit.progress import SilentProgress
        from toolkit.run_folder.folder import RunFolder
        from toolkit.stages.convert import perform_plan, plan_conversions

        options, run = changed(setting.options, **changes), RunFolder(folder)
        plan, calibration = plan_conversions(options, setting.source, SilentProgress(), run.calibration)
        (outcome,) = perform_plan(plan, calibration, options, run, SilentProgress()).outcomes
        if outcome.artifact is None:
            assert outcome.error is not None
            raise outcome.error
        return renamed(outcome.artifact, name)

    return Peer(name, title, make)


def variant(
    name: str,
    title: str,
    recipe_name: str = "int8_static",
    *,
    method: Method | None = None,
    choice: Literal["random", "balanced"] = "random",
    **changes: Any,
) -> Peer:
    """Quantize by a changed recipe of segport's, from the float graph and the statistics that all variants share."""

    def make(setting: Setting, folder: Path) -> Artifact:
        from converters.formats.tflite.quantizing.quantize import quantize

        source, path = setting.source, folder / f"{name}.tflite"
        changed_recipe = dataclasses.replace(recipe(recipe_name), **changes)
        calibration = dataclasses.replace(setting.calibrated(choice), method=method, store=setting.work / "calibration")
        quantize(setting.float_tflite(), setting.job(changed_recipe, path, calibration))
        return tflite_artifact(name, path, source)

    return Peer(name, title, make, Setting.float_tflite)


def _ai_edge_quantizer(setting: Setting, folder: Path) -> Artifact:
    """Quantize with ai-edge-quantizer: its recipe `static_wi8_ai8`, its own calibration."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer import recipe as recipes

    model = str(setting.float_tflite())
    (signature,) = Interpreter(model_path=model).get_signature_list()
    tool = quantizer.Quantizer(model, recipes.static_wi8_ai8())
    found = tool.calibrate({signature: [{"image": picture[np.newaxis]} for picture in setting.pictures]})
    path = folder / "ai-edge-quantizer.tflite"
    path.write_bytes(bytes(tool.quantize(found).quantized_model))
    return tflite_artifact("ai-edge-quantizer", path, setting.source)


def _onnx2tf(setting: Setting, folder: Path) -> Artifact:
    """Run `onnx2tf -oiqt` with the pictures as its calibration data; of its files, take the one with float borders."""
    np.save(folder / "pictures.npy", setting.pictures)
    # The name that onnx2tf looks for before it downloads pictures of its own.
    np.save(folder / "calibration_image_sample_data_20x128x128x3_float32.npy", np.zeros((20, 128, 128, 3), np.float32))
    order = {"onnx": str(setting.float_onnx().resolve()), "pictures": "pictures.npy"}
    command = [sys.executable, "-P", str(ONNX2TF_WORKER.resolve()), json.dumps(order)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found = sorted(folder.glob("made/*_integer_quant.tflite"))
    found = [path for path in found if "full" not in path.name]
    if done.returncode or len(found) != 1:
        raise ConversionError(f"onnx2tf -oiqt failed (exit status {done.returncode}): {done.stderr[-300:]}")
    return tflite_artifact("onnx2tf", found[0], setting.source)


def _onnxruntime(setting: Setting, folder: Path) -> Artifact:
    """Run `quantize_static` with QDQ nodes and weights per channel, after the preparation that its documentation asks
    for."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(setting.pictures)

        def get_next(self) -> dict[str, Any] | None:
            picture = next(self._left, None)
            return None if picture is None else {"image": np.ascontiguousarray(picture.transpose(2, 0, 1)[np.newaxis])}

    prepared, path = folder / "prepared.onnx", folder / "onnxruntime.onnx"
    quant_pre_process(str(setting.float_onnx()), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(path),
        Pictures(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )
    return onnx_artifact("onnxruntime", path, setting.source)


PEERS = (
    segport("segport", "segport int8_static"),
    Peer("ai-edge-quantizer", "ai-edge-quantizer, static_wi8_ai8", _ai_edge_quantizer, Setting.float_tflite),
    segport("tensorflow", "TensorFlow's quantizer", quantizer="tensorflow"),
    Peer("onnx2tf", "onnx2tf -oiqt", _onnx2tf, Setting.float_onnx),
    Peer("onnxruntime", "ONNX Runtime, static QDQ", _onnxruntime, Setting.float_onnx),
)

VARIANTS = (
    variant("mean", "mean of the pictures' extremes"),
    variant("bias", "mean, biases corrected", repairs=(Repair.BIAS,)),
    variant("gptq", "mean, GPTQ", repairs=(Repair.GPTQ,)),
    variant("gptq-bias", "mean, GPTQ, biases corrected", repairs=(Repair.GPTQ, Repair.BIAS)),
    variant("both", "mean, equalized and biases corrected", repairs=(Repair.EQUALIZE, Repair.BIAS)),
    *(variant(method.value, method.value, method=method) for method in Method if method is not Method.MEAN),
    variant("decisive", "mean, decisive logits", decisive_logits=True),
    variant("decisive-percentile", "percentile, decisive logits", method=Method.PERCENTILE, decisive_logits=True),
    variant("decisive-mse", "mse, decisive logits", method=Method.MSE, decisive_logits=True),
    variant("balanced", "mean, balanced choice of pictures", choice="balanced"),
    variant("equalize", "mean, equalized", repairs=(Repair.EQUALIZE,)),
    variant("weights-octav", "mean, weights by OCTAV", weight_range=WeightRange.OCTAV),
    variant("int8_dynamic", "int8_dynamic", "int8_dynamic"),
    variant("int8_dynamic-bias", "int8_dynamic, biases corrected", "int8_dynamic", repairs=(Repair.BIAS,)),
    variant("int4", "int4_dynamic, nothing repaired", "int4_dynamic", repairs=(), weight_range=WeightRange.MINMAX),
    variant("int4-octav", "int4_dynamic, weights by OCTAV", "int4_dynamic", repairs=(), weight_range=WeightRange.OCTAV),
    *(
        variant(f"int4-{name}", f"int4_dynamic, {title}", "int4_dynamic", repairs=repairs, weight_range=weight_range)
        for name, title, repairs, weight_range in (
            ("bias", "biases corrected", (Repair.BIAS,), WeightRange.MINMAX),
            ("gptq", "GPTQ", (Repair.GPTQ,), WeightRange.MINMAX),
            ("gptq-bias", "GPTQ, biases corrected", (Repair.GPTQ, Repair.BIAS), WeightRange.MINMAX),
            ("octav-gptq", "weights by OCTAV, GPTQ", (Repair.GPTQ,), WeightRange.OCTAV),
        )
    ),
    variant("int4-all", "int4_dynamic as it is: OCTAV, equalized, GPTQ, biases", "int4_dynamic"),
)
