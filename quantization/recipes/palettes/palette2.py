"""Make the smallest file: four values a group of channels. Rarely good enough without training for it (iOS 18)."""

from quantization.recipe import AccuracyLimits, ActivationRange, NumberType, Palette, Recipe

RECIPE = Recipe(
    name="palette2",
    summary="2-bit indices into a table per group of channels; expect losses",
    weights=NumberType.FLOAT16,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    palette=Palette(bits=2, channels=2),
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.05, class_drop=0.09),
    on_request=True,
)
