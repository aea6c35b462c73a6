"""Describe recipes: the numbers a model is stored in and computed with, independent of any file format.

A recipe is a frozen value. Types and enums, not strings, choose behaviour; combinations that no runtime can
execute are rejected when the recipe is made, not when a converter meets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from quantization.errors import RecipeError
from quantization.repair import Repair


class NumberType(Enum):
    """Name a storage or arithmetic type, with its width in bits as found in the file."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT16 = "int16"
    INT8 = "int8"
    INT4 = "int4"
    UINT8 = "uint8"

    @property
    def bits(self) -> int:
        return int(self.value.lstrip("floatuin"))

    @property
    def is_integer(self) -> bool:
        return not self.value.startswith("float")


class Granularity(Enum):
    """Say how many values share one scale."""

    PER_TENSOR = "per_tensor"
    PER_CHANNEL = "per_channel"
    PER_BLOCK = "per_block"
    """One output channel and `Recipe.block_size` input channels."""


class WeightRange(Enum):
    """Say how far integer weights reach; what lies beyond is clipped."""

    MINMAX = "minmax"
    """To the largest weight."""
    OCTAV = "octav"
    """Where the expected squared error of rounding and clipping is least (Sakr et al. 2022)."""


class ActivationRange(Enum):
    """Say where the scale of an integer activation comes from."""

    NONE = "none"
    """Activations stay floating point."""
    DYNAMIC = "dynamic"
    """Measured at run time, per inference."""
    STATIC = "static"
    """Measured once on calibration images and written into the file."""


class Quantizer(Enum):
    """Say who decides where 8-bit activations begin and end."""

    FORMAT = "format"
    """The format's own tool, on the converted file."""
    TORCH = "torch"
    """coremltools' quantizer for torch, on the network before it is converted."""


@dataclass(frozen=True)
class Palette:
    """Store weights as small indices into tables of real numbers.

    Attributes:
        bits: width of an index; a table holds 2 ** bits values.
        channels: output channels that share a table; None gives one table to a whole weight tensor.

    Raises:
        RecipeError: a width that no format stores, or an empty group.
    """

    bits: int
    channels: int | None = None

    def __post_init__(self) -> None:
        if self.bits not in (1, 2, 3, 4, 6, 8):
            raise RecipeError(f"a palette has {self.bits} bits; choose from 1, 2, 3, 4, 6, 8")
        if self.channels is not None and self.channels < 1:
            raise RecipeError(f"{self.channels} channels cannot share a palette; give 1 or more, or None for all")


@dataclass(frozen=True)
class AccuracyLimits:
    """Limit what an artifact may lose against the float reference before its verdict is `fail`.

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
    """Describe one named way of storing and running a network.

    Attributes:
        name: identifier used in file names and reports, e.g. ``"int8_static"``.
        summary: one line for people.
        weights: type the weights are stored in.
        activations: type activations are computed in.
        activation_range: where integer activation scales come from.
        granularity: how weight scales are shared; ignored for floating-point weights.
        block_size: input channels that share a scale, for `Granularity.PER_BLOCK` only.
        palette: table the weights are looked up in; their values keep the floating-point type `weights`.
        sparsity: fraction of each weight tensor, its smallest magnitudes, that is set to zero and not stored.
        interface: type of the picture that goes in and of the logits that come out; integers only beside calibrated
            8-bit activations.
        repairs: what is done to the float network before its weights are rounded, where the format knows how.
        weight_range: how the range of integer weights is chosen.
        decisive_logits: calibrated integer logits cover the values among which classes are decided; others are clipped.
        quantizer: who places 8-bit activations.
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
    block_size: int | None = None
    palette: Palette | None = None
    sparsity: float = 0.0
    interface: NumberType = NumberType.FLOAT32
    repairs: tuple[Repair, ...] = ()
    weight_range: WeightRange = WeightRange.MINMAX
    decisive_logits: bool = False
    quantizer: Quantizer = Quantizer.FORMAT

    def __post_init__(self) -> None:
        self._check_activations()
        self._check_weights()
        if not self.formats:
            raise RecipeError(f"recipe {self.name!r} names no target format; give at least one")

    def _check_activations(self) -> None:
        if self.activations.is_integer != (self.activation_range is not ActivationRange.NONE):
            raise RecipeError(
                f"recipe {self.name!r}: {self.activations.value} activations with {self.activation_range.value} ranges "
                "contradict each other; integer activations need a range, floating-point ones must have none"
            )
        if self.activations.is_integer and not self.weights.is_integer:
            raise RecipeError(f"recipe {self.name!r}: integer activations need integer weights")
        if self.quantizer is Quantizer.TORCH and self.activation_range is not ActivationRange.STATIC:
            raise RecipeError(f"recipe {self.name!r}: torch's quantizer is for calibrated activations; leave it out")
        if self.interface not in (NumberType.FLOAT32, NumberType.INT8, NumberType.UINT8):
            raise RecipeError(
                f"recipe {self.name!r}: {self.interface.value} pictures do not exist; use 8 bits or float32"
            )
        calibrated = self.activations is NumberType.INT8 and self.activation_range is ActivationRange.STATIC
        if self.interface.is_integer and not calibrated:
            raise RecipeError(
                f"recipe {self.name!r} computes its first layer from floats, so its pictures cannot be "
                f"{self.interface.value}; leave float32, or use a recipe with calibrated 8-bit activations"
            )

    def _check_weights(self) -> None:
        if (self.granularity is Granularity.PER_BLOCK) != (self.block_size is not None):
            raise RecipeError(f"recipe {self.name!r}: a block size goes with per-block scales, and only with them")
        if self.block_size is not None and self.block_size < 1:
            raise RecipeError(f"recipe {self.name!r}: a block of {self.block_size} channels is empty; give 1 or more")
        if (self.repairs or self.weight_range is not WeightRange.MINMAX) and not self.weights.is_integer:
            raise RecipeError(f"recipe {self.name!r}: repairs and weight ranges are for integer weights")
        if self.palette is not None and self.weights.is_integer:
            raise RecipeError(f"recipe {self.name!r}: a palette holds floating-point values, not {self.weights.value}")
        if not 0.0 <= self.sparsity < 1.0:
            raise RecipeError(f"recipe {self.name!r}: sparsity is {self.sparsity}; give a fraction from 0 to below 1")

    @property
    def stored_bits(self) -> int:
        """Count the bits that one weight takes, tables and scales aside."""
        return self.weights.bits if self.palette is None else self.palette.bits

    @property
    def needs_calibration(self) -> bool:
        """Tell whether calibration images must be shown to the model before converting."""
        measured = {Repair.BIAS, Repair.GPTQ}
        return self.activation_range is ActivationRange.STATIC or not measured.isdisjoint(self.repairs)
