"""Hold the pictures shown to a model before integer ranges are fixed, and what is made of them.

They come from a training split, never from the images that judge the artifact: a model calibrated on its own
examination looks better than it is. The digests go into the artifact's key and into the manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quantization.calibration.methods import Method
from quantization.errors import RecipeError

Observer = Callable[[Path, NDArray[np.uint8], Callable[[str, NDArray[np.floating]], None]], None]
"""Runs a model file on uint8 RGB pictures (N, H, W, 3) and hands every tensor in it, by name, to the last argument.

What runs files lies beyond quantizing and converting them, so it is handed over with the pictures."""


@dataclass(frozen=True)
class CalibrationSet:
    """Hold calibration pictures at the model's input size.

    Attributes:
        images: uint8 RGB, shape (N, H, W, 3), or of other channels.
        ids: sample ids in the same order, for the manifest.
        origin: for people, e.g. ``"synthetic-faces train"``.
        observer: looks inside a model file that runs, where a format's own tools cannot (Core ML off macOS).
        method: how a range follows from the statistics of a tensor; None leaves it to the format.
        store: folder where statistics and ranges are kept for the next recipe and the next run; None keeps none.

    Raises:
        RecipeError: no pictures, wrong shape or dtype, or every picture is one flat colour.
    """

    images: NDArray[np.uint8]
    ids: tuple[str, ...]
    origin: str
    observer: Observer | None = field(default=None, compare=False, repr=False)
    method: Method | None = None
    store: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.images) == 0:
            raise RecipeError("the calibration set is empty; give at least one training picture")
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise RecipeError(
                f"calibration pictures must be uint8 (N, H, W, channels), not {self.images.dtype} {self.images.shape}"
            )
        if len(self.ids) != len(self.images):
            raise RecipeError(f"{len(self.images)} calibration pictures but {len(self.ids)} ids; give one id each")
        if all((image == image[:1, :1]).all() for image in self.images):
            raise RecipeError("every calibration picture is one flat colour; ranges measured on them would be useless")

    def digest(self) -> str:
        """Return sha256 (hex) over ids, pixels and method: all of it that decides a file's content."""
        method = self.method.value if self.method else ""
        return hashlib.sha256(f"{self.pictures_digest()} {method}".encode()).hexdigest()

    def pictures_digest(self) -> str:
        """Return sha256 (hex) over ids and pixels."""
        state = hashlib.sha256(repr((self.ids, self.images.shape)).encode())
        state.update(np.ascontiguousarray(self.images).tobytes())
        return state.hexdigest()

    def tensors(self, *, unit_range: bool) -> Sequence[NDArray[np.float32]]:
        """Yield one float32 (1, H, W, 3) tensor per picture, scaled to 0..1 if `unit_range`, else 0..255."""
        scale = np.float32(1.0 / 255.0) if unit_range else np.float32(1.0)
        return [image[np.newaxis].astype(np.float32) * scale for image in self.images]
