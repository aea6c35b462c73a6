"""Serve integer-only hardware that needs more than 8 bits of activation; CPUs run it on slow reference kernels."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Recipe

RECIPE = Recipe(
    name="int16x8",
    summary="8-bit weights per channel and 16-bit activations, calibrated; slow on CPUs",
    weights=NumberType.INT8,
    activations=NumberType.INT16,
    activation_range=ActivationRange.STATIC,
    granularity=Granularity.PER_CHANNEL,
    formats=("tflite",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.03),
    on_request=True,
)
