"""Store half of float16: every weight is one of 256 values of its group of channels (iOS 18)."""

from quantization.recipe import AccuracyLimits, ActivationRange, NumberType, Palette, Recipe

RECIPE = Recipe(
    name="palette8",
    summary="8-bit indices into a table per group of channels, computed in 16-bit floats",
    weights=NumberType.FLOAT16,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    palette=Palette(bits=8, channels=16),
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.001, class_drop=0.003),
    on_request=True,
)
