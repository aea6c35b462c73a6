"""Store a quarter of the size, compute in 16-bit floats: 8-bit weights are expanded when the model is loaded or run."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Recipe

RECIPE = Recipe(
    name="int8_weights",
    summary="8-bit weights per channel, computed in 16-bit floats",
    weights=NumberType.INT8,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    granularity=Granularity.PER_CHANNEL,
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.03),
)
