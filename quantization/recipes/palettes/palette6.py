"""Store three eighths of float16: every weight is one of 64 values of its group of channels (iOS 18)."""

from quantization.recipe import AccuracyLimits, ActivationRange, NumberType, Palette, Recipe

RECIPE = Recipe(
    name="palette6",
    summary="6-bit indices into a table per group of channels, computed in 16-bit floats",
    weights=NumberType.FLOAT16,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    palette=Palette(bits=6, channels=8),
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.002, class_drop=0.005),
    on_request=True,
)
