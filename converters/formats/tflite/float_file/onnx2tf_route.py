"""Convert ONNX to TFLite by onnx2tf, in a process of its own.

onnx2tf reads and writes its working directory, ends the process on errors and keeps TensorFlow's memory; a child
process keeps all of that away from the caller.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters.contract import Job
from converters.errors import ConversionError, MissingToolError
from converters.tools.installed import is_installed

WORKER = Path(__file__).with_name("onnx2tf_worker.py")
SAMPLE_FILE = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""onnx2tf downloads a file of this name unless its working directory has one; it only feeds a dry run."""
PICTURES_FILE = "calibration.npy"


@dataclass(frozen=True)
class Quantized:
    """Hold what TensorFlow's quantizer needs.

    Attributes:
        pictures: float32 (N, H, W, 3) in the value range of the network's input.
        interface: type of the file's input and logits, ``"float32"``, ``"int8"`` or ``"uint8"``.
    """

    pictures: NDArray[np.float32]
    interface: str


def onnx_to_tflite(graph: Path, job: Job, path: Path, quantized: Quantized | None = None) -> None:
    """Convert the ONNX file `graph` (logits) to TFLite at `path`: float32, or 8 bits by TensorFlow's own quantizer.

    Raises:
        MissingToolError: onnx2tf or TensorFlow is not installed.
        ConversionError: onnx2tf failed; what it printed is in the log.
    """
    for module in ("onnx2tf", "tensorflow", "tf_keras"):
        if not is_installed(module):
            raise MissingToolError(f"{module} is not installed; get it with: pip install 'segport[onnx2tf]'")
    source, room = job.source, job.workspace / "onnx2tf"
    room.mkdir(exist_ok=True)
    np.save(room / SAMPLE_FILE, np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32))
    order = {
        "onnx": str(graph.resolve()),
        "tflite": str(path.resolve()),
        "image": [1, *source.input_size, source.channels],
        "logits": [1, *source.output_size, len(source.classes)],
        "output": job.output.value,
        "simplify": source.onnx_path is not None,
        "pictures": None,
        "interface": "float32",
    }
    if quantized is not None:
        np.save(room / PICTURES_FILE, quantized.pictures)
        order |= {"pictures": PICTURES_FILE, "interface": quantized.interface}
    # -P keeps the worker's own folder off the module path, where it would shadow other packages.
    command = [sys.executable, "-P", str(WORKER), json.dumps(order)]
    status = subprocess.run(command, cwd=room, check=False, stdin=subprocess.DEVNULL).returncode
    if status != 0 or not path.exists():
        raise ConversionError(f"onnx2tf could not convert {source.name!r} (exit status {status})")
