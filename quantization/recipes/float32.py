"""Keep the network as trained: the artifact that judges the converter itself."""

from quantization.recipe import AccuracyLimits, ActivationRange, NumberType, Recipe

RECIPE = Recipe(
    name="float32",
    summary="32-bit floats throughout, as trained",
    weights=NumberType.FLOAT32,
    activations=NumberType.FLOAT32,
    activation_range=ActivationRange.NONE,
    formats=("tflite", "coreml", "onnx"),
    limits=AccuracyLimits(miou_drop=0.001, class_drop=0.002),
)
