"""Halve the size. Core ML computes in 16 bits too; TFLite stores 16 bits and lets the delegate choose."""

from quantization.recipe import AccuracyLimits, ActivationRange, NumberType, Recipe

RECIPE = Recipe(
    name="float16",
    summary="16-bit float weights; phones' GPUs and neural engines also compute in 16 bits",
    weights=NumberType.FLOAT16,
    activations=NumberType.FLOAT16,
    activation_range=ActivationRange.NONE,
    formats=("tflite", "coreml"),
    limits=AccuracyLimits(miou_drop=0.002, class_drop=0.005),
)
