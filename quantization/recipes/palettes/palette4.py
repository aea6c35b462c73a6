"""Store a quarter of float16: 16 values are too few a layer, so each group of channels has its own table (iOS 18)."""

from quantization.recipe import AccuracyLimits, ActivationRange, NumberType, Palette, Recipe

RECIPE = Recipe(
    name="palette4",
    summary="4-bit indices into a table per group of channels, computed in 16-bit floats",
    weights=NumberType.FLOAT16,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    palette=Palette(bits=4, channels=4),
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.025),
    on_request=True,
)
