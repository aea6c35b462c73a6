"""Compute in 8-bit weights and activations, which the Neural Engine of recent chips multiplies fastest (iOS 17)."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Recipe

RECIPE = Recipe(
    name="w8a8",
    summary="8-bit weights per channel and 8-bit activations, calibrated on training pictures",
    weights=NumberType.INT8,
    activations=NumberType.INT8,
    activation_range=ActivationRange.STATIC,
    granularity=Granularity.PER_CHANNEL,
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.003, class_drop=0.008),
    on_request=True,
)
