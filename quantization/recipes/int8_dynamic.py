"""Store a quarter of the size without calibration: activations are scaled anew at every inference."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Recipe

RECIPE = Recipe(
    name="int8_dynamic",
    summary="8-bit weights per channel; activations turned into 8 bits at run time, no calibration",
    weights=NumberType.INT8,
    activations=NumberType.INT8,
    activation_range=ActivationRange.DYNAMIC,
    granularity=Granularity.PER_CHANNEL,
    formats=("tflite",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.03),
)
