"""Child process: ONNX -> Keras by onnx2tf -> one named signature -> TFLite. Started by `onnx2tf_route`.

Takes one argument, a JSON object with `onnx`, `tflite` (paths), `image`, `logits` (NHWC shapes), `output`
(``"logits"`` or ``"labels"``), `simplify`, and `pictures`: null, or a .npy of float32 (N, H, W, 3) with which
TensorFlow's own converter quantizes to 8 bits, with input and answer of type `interface`.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx2tf
import tensorflow as tf


def keras_model(order: dict[str, Any]) -> Any:
    """The network as a Keras model that answers NHWC logits (onnx2tf's strict mode costs 3 times as much here)."""
    graph = onnx.load(order["onnx"])
    if order["simplify"]:
        onnxsim = importlib.import_module("onnxsim")
        graph, _ = onnxsim.simplify(graph)
    _constants_stored(graph)
    onnx.save(graph, "graph.onnx")
    return onnx2tf.convert(
        input_onnx_file_path="graph.onnx",
        output_folder_path="saved_model",
        disable_strict_mode=True,
        not_use_onnxsim=True,
        disable_model_save=True,
        verbosity="warn",
    )


def _constants_stored(model: Any) -> None:
    """Constant nodes become stored tensors: onnx2tf's InstanceNormalization takes its scale from nothing else."""
    kept = []
    for node in model.graph.node:
        value = next((item for item in node.attribute if item.name == "value"), None)
        if node.op_type == "Constant" and value is not None:
            value.t.name = node.output[0]
            model.graph.initializer.append(value.t)
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)


class Served(tf.Module):  # type: ignore[misc]
    """A signature with the names that the torch route also gives."""

    def __init__(self, model: Any, order: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.order = order
        signature = [tf.TensorSpec(order["image"], tf.float32, name="image")]
        self.serve = tf.function(self.answer, input_signature=signature)

    def answer(self, image: Any) -> dict[str, Any]:
        """The Keras model's answer, brought to NHWC if onnx2tf left it NCHW, with the argmax if asked for."""
        logits = self.model(image)
        height, width, classes = self.order["logits"][1:]
        if logits.shape[1:] == [classes, height, width] and logits.shape[1:] != [height, width, classes]:
            logits = tf.transpose(logits, [0, 2, 3, 1])
        if self.order["output"] == "labels":
            return {"labels": tf.argmax(logits, axis=-1, output_type=tf.int32)}
        return {"logits": logits}


def main() -> None:
    order = json.loads(sys.argv[1])
    served = Served(keras_model(order), order)
    function = served.serve.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], served)
    if order["pictures"]:
        quantize_with(converter, order)
    Path(order["tflite"]).write_bytes(converter.convert())


def quantize_with(converter: Any, order: dict[str, Any]) -> None:
    """Ask for 8 bits throughout, calibrated on the pictures; whatever has no integer kernel is an error."""
    pictures = np.load(order["pictures"], mmap_mode="r")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ({"image": picture[np.newaxis]} for picture in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.dtypes.as_dtype(order["interface"])
    if order["output"] == "logits":
        converter.inference_output_type = converter.inference_input_type


if __name__ == "__main__":
    main()
