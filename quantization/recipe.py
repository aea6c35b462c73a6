"""Recipes: which numbers a model is stored in and computed with, independent of any file format.

A recipe is a frozen value. Types and enums, not strings, choose behaviour; combinations that no runtime can
execute are rejected when the recipe is made, not when a converter meets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from quantization.errors import RecipeError


class NumberType(Enum):
    """A storage or arithmetic type, with its width in bits as found in the file."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT16 = "int16"
    INT8 = "int8"

    @property
    def bits(self) -> int:
        return int(self.value.removeprefix("float").removeprefix("int"))

    @property
    def is_integer(self) -> bool:
        return self.value.startswith("int")


class Granularity(Enum):
    """How many values share one scale."""

    PER_TENSOR = "per_tensor"
    PER_CHANNEL = "per_channel"


class ActivationRange(Enum):
    """Where the scale of an integer activation comes from."""

    NONE = "none"
    """Activations stay floating point."""
    DYNAMIC = "dynamic"
    """Measured at run time, per inference."""
    STATIC = "static"
    """Measured once on calibration images and written into the file."""


@dataclass(frozen=True)
class AccuracyLimits:
    """How much an artifact may lose against the float reference before its verdict is `fail`.

    Attributes:
        miou_drop: largest allowed drop of mean IoU, as a fraction (0.01 is one point).
        class_drop: largest allowed drop of any single class's IoU, as a fraction.
    """

    miou_drop: float
    class_drop: float

    def __post_init__(self) -> None:
        for label, value in (("miou_drop", self.miou_drop), ("class_drop", self.class_drop)):
            if not 0.0 <= value <= 1.0:
                raise RecipeError(f"{label} is {value}; give a fraction from 0 to 1 (0.01 is one point of IoU)")


@dataclass(frozen=True)
class Recipe:
    """One named way of storing and running a network.

    Attributes:
        name: identifier used in file names and reports, e.g. ``"int8_static"``.
        summary: one line for people.
        weights: type the weights are stored in.
        activations: type activations are computed in.
        activation_range: where integer activation scales come from.
        granularity: how weight scales are shared; ignored for floating-point weights.
        formats: names of the target formats that can express it (``"tflite"``, ``"coreml"``, ``"onnx"``).
        limits: default accuracy gates for artifacts made with it.
        on_request: True leaves it out of the default set (slow or special).

    Raises:
        RecipeError: for a combination no runtime executes.
    """

    name: str
    summary: str
    weights: NumberType
    activations: NumberType
    activation_range: ActivationRange
    formats: tuple[str, ...]
    limits: AccuracyLimits
    granularity: Granularity = Granularity.PER_CHANNEL
    on_request: bool = False

    def __post_init__(self) -> None:
        if self.activations.is_integer != (self.activation_range is not ActivationRange.NONE):
            raise RecipeError(
                f"recipe {self.name!r}: {self.activations.value} activations with {self.activation_range.value} ranges "
                "contradict each other; integer activations need a range, floating-point ones must have none"
            )
        if self.activations.is_integer and not self.weights.is_integer:
            raise RecipeError(f"recipe {self.name!r}: integer activations need integer weights")
        if not self.formats:
            raise RecipeError(f"recipe {self.name!r} names no target format; give at least one")

    @property
    def needs_calibration(self) -> bool:
        """True when calibration images must be shown to the model before converting."""
        return self.activation_range is ActivationRange.STATIC
