"""What a file says of its own tensors, checked against what the artifact promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, Self

import numpy as np

from converters import Artifact, ImageInput, MapOutput, OutputKind, Quantization
from validation.errors import RunnerError


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a .tflite file, as its runtime reports it.

    Attributes:
        name: tensor name.
        index: number the runtime addresses it by.
        shape: sizes.
        dtype: numpy name, e.g. ``"float32"``.
        quantization: scale and zero point, None for tensors that are not quantized.
    """

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Self:
        """From one entry of a TFLite interpreter's input or output details."""
        scale, zero_point = details["quantization"]
        return cls(
            name=str(details["name"]),
            index=int(details["index"]),
            shape=tuple(int(size) for size in details["shape"]),
            dtype=np.dtype(details["dtype"]).name,
            quantization=Quantization(float(scale), int(zero_point)) if scale else None,
        )


def choose(tensors: Sequence[TensorInfo], name: str, artifact: Artifact) -> TensorInfo:
    """The only tensor there is or, among several, the one called `name`.

    Raises:
        RunnerError: several tensors, none of that name.
    """
    if len(tensors) == 1:
        return tensors[0]
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    there = ", ".join(tensor.name for tensor in tensors) or "none"
    raise RunnerError(f"{artifact.name} has no tensor {name!r} (it has: {there}); convert it again")


def check_image_tensor(tensor: TensorInfo, spec: ImageInput, artifact: Artifact) -> None:
    """Raise RunnerError unless the file takes what the artifact says it takes."""
    _check(tensor, "input", spec.shape, spec, artifact)


def check_map_tensor(tensor: TensorInfo, spec: MapOutput, artifact: Artifact) -> None:
    """Raise RunnerError unless the file answers with what the artifact says it answers with."""
    expected = spec.shape
    if spec.kind is OutputKind.LABELS:
        expected = (*(1 for _ in tensor.shape[2:]), spec.height, spec.width)
    _check(tensor, "output", expected, spec, artifact)


def _check(
    tensor: TensorInfo, what: str, shape: tuple[int, ...], spec: ImageInput | MapOutput, artifact: Artifact
) -> None:
    if tensor.shape != shape or tensor.dtype != spec.dtype:
        raise RunnerError(
            f"the {what} of {artifact.name} is {tensor.dtype} {tensor.shape} in the file but {spec.dtype} {shape} "
            "in the manifest; convert it again"
        )
    if not _same_quantization(tensor.quantization, spec.quantization):
        raise RunnerError(
            f"the {what} of {artifact.name} is quantized with {tensor.quantization} in the file but with "
            f"{spec.quantization} in the manifest; convert it again"
        )


def _same_quantization(found: Quantization | None, promised: Quantization | None) -> bool:
    if found is None or promised is None:
        return found is promised
    return found.zero_point == promised.zero_point and isclose(found.scale, promised.scale, rel_tol=1e-5)
