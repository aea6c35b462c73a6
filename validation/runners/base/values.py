"""Between pictures and label maps on our side and a runtime's own tensors on the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters import ImageInput, Layout, MapOutput, OutputKind, PixelRange
from validation.errors import RunnerError, ValidationError


def native_input(image: NDArray[np.uint8], spec: ImageInput) -> NDArray[Any]:
    """A uint8 (H, W, channels) picture as the tensor `spec` describes: scaled, quantized, laid out, batch of one.

    Raises:
        ValidationError: `spec` wants integers for values 0..1 and does not say how they are quantized.
    """
    if spec.pixel_range is PixelRange.UNIT and spec.quantization is None and not spec.dtype.startswith("float"):
        raise ValidationError(f"input {spec.name!r} is {spec.dtype} without quantization parameters; convert it again")
    values = image[np.newaxis].astype(np.float32)
    if spec.pixel_range is PixelRange.UNIT:
        values /= np.float32(255.0)
    if spec.quantization is not None:
        info = np.iinfo(spec.dtype)
        stored = np.rint(values / spec.quantization.scale) + spec.quantization.zero_point
        values = np.clip(stored, info.min, info.max)
    if spec.layout is Layout.NCHW:
        values = values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(values.astype(spec.dtype))


def canonical_output(raw: NDArray[Any], spec: MapOutput) -> NDArray[np.float32] | NDArray[np.uint8]:
    """A runtime's raw answer as float32 logits (h, w, C) or a uint8 label map (h, w).

    Raises:
        RunnerError: the shape is not the one `spec` promises, or a label is no id of a class.
    """
    if spec.kind is OutputKind.LABELS:
        if raw.size != spec.height * spec.width:
            raise RunnerError(f"expected a {spec.height}x{spec.width} label map, got shape {raw.shape}")
        if raw.min() < 0 or raw.max() >= spec.classes:
            raise RunnerError(f"expected labels 0 to {spec.classes - 1}, got {raw.min():g} to {raw.max():g}")
        if raw.dtype.kind == "f" and (raw != np.rint(raw)).any():
            raise RunnerError("expected whole numbers as labels, got fractions")
        return raw.reshape(spec.height, spec.width).astype(np.uint8)
    if raw.shape != spec.shape:
        raise RunnerError(f"expected logits of shape {spec.shape}, got {raw.shape}")
    logits = raw.astype(np.float32)
    if spec.quantization is not None:
        logits = (logits - np.float32(spec.quantization.zero_point)) * np.float32(spec.quantization.scale)
    if spec.layout is Layout.NCHW:
        logits = logits.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(logits[0])


def label_map(answer: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 class ids (h, w) from either kind of answer; ties go to the lower id, as in every argmax here."""
    labels: NDArray[np.uint8] = (answer if answer.ndim == 2 else answer.argmax(axis=2)).astype(np.uint8)
    return labels
