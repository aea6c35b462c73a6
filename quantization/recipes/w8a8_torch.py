"""Put 8 bits behind every value, by coremltools' quantizer for torch; stands beside `w8a8` (iOS 17)."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Quantizer, Recipe

RECIPE = Recipe(
    name="w8a8_torch",
    summary="8-bit weights per channel and 8-bit activations behind every value, calibrated in torch",
    weights=NumberType.INT8,
    activations=NumberType.INT8,
    activation_range=ActivationRange.STATIC,
    granularity=Granularity.PER_CHANNEL,
    quantizer=Quantizer.TORCH,
    formats=("coreml",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.03),
    on_request=True,
)
