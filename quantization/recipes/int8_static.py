"""Compute in integers from first to last layer, with ranges measured on training pictures."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Recipe

RECIPE = Recipe(
    name="int8_static",
    summary="8-bit weights per channel and 8-bit activations, calibrated on training pictures",
    weights=NumberType.INT8,
    activations=NumberType.INT8,
    activation_range=ActivationRange.STATIC,
    granularity=Granularity.PER_CHANNEL,
    formats=("tflite",),
    limits=AccuracyLimits(miou_drop=0.02, class_drop=0.05),
)
