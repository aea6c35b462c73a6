"""The GPU delegate of TensorFlow Lite and LiteRT (OpenCL, OpenGL, Metal).

The operations and their conditions are those of `CheckGpuDelegateCompatibility`, which the delegate itself asks.
Quantized graphs are taken (the delegate computes them in floats), 16-bit integers are not.
"""

from __future__ import annotations

import math

from converters.lint.graph import Step
from converters.lint.media_pipe import CUSTOM_OPERATIONS, MUST_BE_REGISTERED
from converters.lint.target import Rule, Target, names

COMPATIBILITY = (
    "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/tools/versioning/gpu_compatibility.cc"
)
MODEL_BUILDER = (
    "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/gpu/common/model_builder.cc"
)
TAKES = names(
    """ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS CUMSUM DENSIFY
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP FLOOR
    FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG
    LOGICAL_AND LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD PADV2
    POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RELU_0_TO_1 RESHAPE RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE
    SQUARED_DIFFERENCE STABLEHLO_CLAMP STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE TRANSPOSE_CONV UNPACK"""
) | (CUSTOM_OPERATIONS | {"Resampler"})


_MEDIA_PIPE_ENDS = {"MaxPoolingWithArgmax2D": (1, 2), "MaxUnpooling2D": (2, 1), "Resampler": (2, 1)}
"""Operation -> how many inputs it computes from, and how many outputs it has."""


def _broadcasts_both_ways(step: Step) -> bool:
    first, second = (value.shape for value in step.inputs[:2])
    pairs = list(zip(first, second, strict=False)) if len(first) == len(second) else []
    return any(a < b for a, b in pairs) and any(a > b for a, b in pairs)


def _unequal_ranks(step: Step) -> bool:
    """Ranks above 1 differ, and the shapes do not broadcast from the last axis on."""
    if len(step.inputs) != 2:
        return False
    first, second = sorted((value.shape for value in step.inputs), key=len)
    if len(first) < 2 or len(first) == len(second):
        return False
    tail = second[len(second) - len(first) :]
    return any(a != b and 1 not in (a, b) for a, b in zip(first, tail, strict=True))


def _other_ends(step: Step) -> bool:
    """Tell whether one of MediaPipe's operations has other computed inputs or outputs than the delegate expects."""
    return (len(step.flowing), len(step.outputs)) != _MEDIA_PIPE_ENDS[step.op]


def _cast_between_others(step: Step) -> bool:
    source, target = step.inputs[0].dtype, step.outputs[0].dtype
    floats, numbers = {"float16", "float32"}, {"float32", "int32"}
    return not (
        (source == "bool" and target in floats)
        or (source in floats and target == "bool")
        or (source in numbers and target in numbers)
    )


RULES = (
    Rule(
        frozenset(),
        lambda step: any(len(value.shape) > 4 for value in (*step.flowing, *step.outputs)),
        "the delegate's tensors have four axes at most",
        "reshape to (batch, height, width, channels) before it",
        MODEL_BUILDER,
    ),
    Rule(
        frozenset({"DEQUANTIZE"}),
        lambda step: step.inputs[0].dtype == "int16",
        "16-bit integers are not dequantized",
        "use float16 or int8_static in the place of int16x8",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"CAST"}),
        _cast_between_others,
        "it casts only between bool, float and int32",
        "answer with logits (--output logits) and take the largest in the app",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"MUL"}),
        lambda step: len(step.inputs) == 2 and _broadcasts_both_ways(step),
        "a product in which each side is broadcast along another axis",
        "write it as a 1 x 1 convolution, or expand one side first",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"ADD", "MUL"}),
        _unequal_ranks,
        "sides of unlike rank that do not broadcast from the last axis on",
        "reshape the smaller side to four axes",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"ADD_N"}),
        lambda step: len(step.inputs) != 2,
        "it adds two tensors, not more",
        "add them one after the other",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"SLICE", "STRIDED_SLICE"}),
        lambda step: len(step.inputs[0].shape) not in (3, 4),
        "it slices tensors of three or four axes",
        "reshape to four axes before slicing",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"STRIDED_SLICE"}),
        lambda step: any(step.options.get(key) for key in ("ellipsisMask", "newAxisMask", "shrinkAxisMask")),
        "slices that add, drop or skip axes",
        "slice with plain ranges and reshape afterwards",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"SOFTMAX"}),
        lambda step: step.options.get("beta", 1.0) != 1.0,
        "a softmax with another beta than 1",
        "scale its input first",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"MIRROR_PAD"}),
        lambda step: step.options.get("mode", 0) != 0,
        "mirroring that repeats the edge",
        "pad with reflection or zeros",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"PAD", "PADV2", "MIRROR_PAD"}),
        lambda step: step.inputs[1].shape not in ((3, 2), (4, 2)),
        "padding of tensors without three or four axes",
        "reshape to four axes before padding",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"DEPTHWISE_CONV_2D"}),
        lambda step: step.inputs[0].shape[3] != 1 and math.prod(step.outputs[0].shape[3:]) != step.inputs[0].shape[3],
        "a depthwise convolution that multiplies several channels",
        "use an ordinary convolution",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"GATHER"}),
        lambda step: (
            step.inputs[0].dtype == "int32" or step.inputs[1].dtype != "int32" or len(step.inputs[1].shape) != 1
        ),
        "it gathers floats by a list of int32 positions",
        "slice or split in its place",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"}),
        lambda step: not step.inputs[1].constant,
        "axes that are computed",
        "reduce over fixed axes",
        COMPATIBILITY,
    ),
    Rule(
        frozenset({"Convolution2DTransposeBias"}),
        lambda step: len(step.inputs) < 2 or not step.inputs[1].constant,
        "a transposed convolution whose weights are computed",
        "fold them into constants before converting",
        COMPATIBILITY,
    ),
    Rule(
        frozenset(_MEDIA_PIPE_ENDS),
        _other_ends,
        "other inputs or outputs than MediaPipe's operation of that name has",
        "give the operation a name of its own, or write it as MediaPipe does",
        COMPATIBILITY,
    ),
    MUST_BE_REGISTERED,
)

TARGET = Target(
    name="tflite-gpu",
    title="TFLite GPU delegate",
    format="tflite",
    takes=TAKES,
    source=COMPATIBILITY,
    rules=RULES,
    rewrites={
        "ARG_MAX": "answer with logits (--output logits) and take the largest in the app",
        "ARG_MIN": "answer with logits (--output logits) and choose in the app",
        "SQUEEZE": "reshape in its place",
        "EXPAND_DIMS": "reshape in its place",
        "LOG_SOFTMAX": "softmax, then log",
        "L2_NORMALIZATION": "divide by the root of a sum of squares",
        "BROADCAST_TO": "let the operation behind it broadcast",
        "GATHER_ND": "slice in its place",
        "SHAPE": "fix the input size before converting",
        **dict.fromkeys(
            ("Landmarks2TransformMatrix", "TransformLandmarks", "TransformTensorBilinear"),
            "run the file with MediaPipe itself, whose own build of the delegate takes it",
        ),
    },
    caveat="the driver of a GPU may refuse more, and may be slower than the CPU; measure on the phone",
)
