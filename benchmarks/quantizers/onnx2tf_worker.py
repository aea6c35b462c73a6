"""Child process: `onnx2tf -oiqt`. It reads and writes its working directory and ends the process on errors.

Takes one argument, a JSON object with `onnx` and `pictures` (.npy, float32 NHWC).
"""

from __future__ import annotations

import json
import sys

import onnx2tf


def main() -> None:
    order = json.loads(sys.argv[1])
    onnx2tf.convert(
        input_onnx_file_path=order["onnx"],
        output_folder_path="made",
        output_signaturedefs=True,
        output_integer_quantized_tflite=True,
        quant_type="per-channel",
        custom_input_op_name_np_data_path=[["image", order["pictures"], [[[[0, 0, 0]]]], [[[[1, 1, 1]]]]]],
        disable_strict_mode=True,
        not_use_onnxsim=True,
        verbosity="warn",
    )


if __name__ == "__main__":
    main()
