"""Turn small weights into zeros that take one bit; the others are one of 64 values of their group (iOS 18)."""

from quantization.recipe import AccuracyLimits, ActivationRange, NumberType, Palette, Recipe

RECIPE = Recipe(
    name="pruned_palette6",
    summary="the smallest weights set to zero, 6-bit indices for the rest, computed in 16-bit floats",
    weights=NumberType.FLOAT16,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    palette=Palette(bits=6, channels=8),
    sparsity=0.3,
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.025),
    on_request=True,
)
