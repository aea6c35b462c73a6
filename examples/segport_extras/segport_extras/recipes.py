"""Define two recipes: one for a format that segport has, one for the format of this package."""

from quantization import AccuracyLimits, ActivationRange, NumberType, Palette, Recipe

PALETTE3 = Recipe(
    name="palette3",
    summary="3-bit indices into a table per group of channels, computed in 16-bit floats",
    weights=NumberType.FLOAT16,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    palette=Palette(bits=3, channels=4),
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.03, class_drop=0.06),
    on_request=True,
)
SCRIPTED = Recipe(
    name="scripted",
    summary="the float network as a TorchScript archive",
    weights=NumberType.FLOAT32,
    activations=NumberType.FLOAT32,
    activation_range=ActivationRange.NONE,
    formats=("torchscript",),
    limits=AccuracyLimits(miou_drop=0.0001, class_drop=0.0005),
    on_request=True,
)
