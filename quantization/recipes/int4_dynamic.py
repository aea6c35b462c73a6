"""Store an eighth of the size, for small downloads: 4-bit weights per channel, 8-bit activations at run time."""

from quantization.recipe import AccuracyLimits, ActivationRange, Granularity, NumberType, Recipe, WeightRange
from quantization.repair import Repair

RECIPE = Recipe(
    name="int4_dynamic",
    summary="4-bit weights per channel; activations turned into 8 bits at run time",
    weights=NumberType.INT4,
    activations=NumberType.INT8,
    activation_range=ActivationRange.DYNAMIC,
    granularity=Granularity.PER_CHANNEL,
    # Sixteen steps are too few for weights as they come: without repairs the shipped FP-LIIF loses ten times as much.
    repairs=(Repair.EQUALIZE, Repair.GPTQ, Repair.BIAS),
    weight_range=WeightRange.OCTAV,
    formats=("tflite",),
    limits=AccuracyLimits(miou_drop=0.01, class_drop=0.025),
    on_request=True,
)
