"""Store a quarter of float16 without tables: 4-bit weights with a scale per block of input channels (iOS 18)."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Recipe

RECIPE = Recipe(
    name="int4_weights",
    summary="4-bit weights with a scale per block of channels, computed in 16-bit floats",
    weights=NumberType.INT4,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    granularity=Granularity.PER_BLOCK,
    block_size=16,
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.025),
    on_request=True,
)
