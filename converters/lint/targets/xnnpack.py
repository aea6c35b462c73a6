"""XNNPACK, which computes .tflite files on the CPU unless told otherwise.

What it does not take runs in TensorFlow Lite's own kernels: correct, and a change of hands each time. The operations
are those of `Subgraph::VisitNode`; a test holds the number of pieces against the LiteRT that is installed.
"""

from __future__ import annotations

import struct

from converters.lint.graph import Step
from converters.lint.media_pipe import CUSTOM_OPERATIONS, MUST_BE_REGISTERED
from converters.lint.target import Rule, Target, names

DELEGATE = "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/xnnpack/xnnpack_delegate.cc"
README = "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/xnnpack/README.md"
TAKES = (
    names(
        """ABS ADD AVERAGE_POOL_2D BATCH_MATMUL CEIL CONCATENATION CONV_2D COS DEPTHWISE_CONV_2D DEPTH_TO_SPACE
        DEQUANTIZE DIV ELU EXP EXPAND_DIMS FLOOR FULLY_CONNECTED GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC MAXIMUM
        MAX_POOL_2D MEAN MINIMUM MUL NEG PAD PRELU QUANTIZE RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR ROUND
        RSQRT SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH
        TRANSPOSE TRANSPOSE_CONV"""
    )
    | CUSTOM_OPERATIONS
)
FLOAT_ONLY = CUSTOM_OPERATIONS | names(
    "ABS AVERAGE_POOL_2D CEIL COS DIV EXP FLOOR GELU HARD_SWISH LOG MAXIMUM MINIMUM RELU RELU6 RELU_N1_TO_1 ROUND "
    "RSQRT SIN SOFTMAX "
    "SQRT SQUARED_DIFFERENCE"
)
MOST_JOINED = 5
"""Inputs of a CONCATENATION; with LiteRT 2.3.0, two to sixteen were tried."""
_TYPES = frozenset({"float32", "float16", "int8", "uint8"})
_SAME = 1
"""TfLitePadding's number of "same", the first number in the options of MediaPipe's operations."""


def _fixed(step: Step, place: int) -> bool:
    return len(step.inputs) <= place or step.inputs[place].constant


def _other_types(step: Step) -> bool:
    return bool(step.types - _TYPES)


def _padded_as_same(step: Step) -> bool:
    options = step.options.get("customOptions", b"")
    return len(options) >= 4 and struct.unpack_from("<i", options)[0] == _SAME


RULES = (
    Rule(
        frozenset(),
        _other_types,
        "it takes floats and 8-bit integers, no other activations",
        "use float16 or int8_static in the place of int16x8; keep integers and booleans out of the graph",
        README,
    ),
    Rule(
        FLOAT_ONLY,
        lambda step: bool(step.types & {"int8", "uint8"}),
        "it is taken in floats only, not in 8-bit integers",
        "leave it out of the graph (answer with logits), replace it by a convolution or a mean, or keep it in floats",
        DELEGATE,
    ),
    Rule(
        frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "Convolution2DTransposeBias"}),
        lambda step: not _fixed(step, 0 if step.op == "TRANSPOSE_CONV" else 1) or not _fixed(step, 1),
        "a convolution whose weights are computed",
        "fold them into constants before converting",
        README,
    ),
    Rule(
        frozenset({"MEAN"}),
        lambda step: not _fixed(step, 1),
        "axes that are computed",
        "reduce over fixed axes",
        README,
    ),
    Rule(
        frozenset({"RESIZE_BILINEAR", "PAD", "RESHAPE"}),
        lambda step: not _fixed(step, 1),
        "a size that is computed",
        "fix the input size before converting",
        README,
    ),
    Rule(
        frozenset({"STRIDED_SLICE"}),
        lambda step: any(step.options.get(key) for key in ("ellipsisMask", "newAxisMask", "shrinkAxisMask")),
        "slices that add, drop or skip axes",
        "slice with plain ranges and reshape afterwards",
        DELEGATE,
    ),
    Rule(
        frozenset({"STRIDED_SLICE"}),
        lambda step: any(size != 1 for size in step.inputs[3].integers),
        "slices that leave places out (strides other than 1)",
        "a convolution or pooling with that stride",
        DELEGATE,
    ),
    Rule(
        frozenset({"CONCATENATION"}),
        lambda step: len(step.inputs) > MOST_JOINED,
        f"more than {MOST_JOINED} tensors joined at once",
        "join them in the layer that makes them (one convolution with all the channels); joins of joins are made "
        "one by the converter",
        DELEGATE,
    ),
    Rule(
        frozenset({"SOFTMAX"}),
        lambda step: step.options.get("beta", 1.0) != 1.0,
        "a softmax with another beta than 1",
        "scale its input first",
        README,
    ),
    Rule(
        frozenset({"MaxUnpooling2D"}),
        _padded_as_same,
        'an unpooling whose padding is "same"',
        'pool and unpool with the padding "valid" (sizes that the stride divides)',
        DELEGATE,
    ),
    MUST_BE_REGISTERED,
)

TARGET = Target(
    name="xnnpack",
    title="XNNPACK",
    format="tflite",
    takes=TAKES,
    source=DELEGATE,
    rules=RULES,
    rewrites={
        "RESIZE_NEAREST_NEIGHBOR": (
            "resize bilinearly, or double the size: concatenate four copies along the channels, then DEPTH_TO_SPACE"
        ),
        "ARG_MAX": "answer with logits (--output logits) and take the largest in the app",
        "SQUEEZE": "reshape in its place",
        "MIRROR_PAD": "pad with zeros",
        "GATHER": "slice in its place",
        "LOG_SOFTMAX": "answer with logits",
        "BROADCAST_TO": "let the operation behind it broadcast",
    },
    caveat="older runtimes take fewer 8-bit operations; what is not taken runs in plain kernels on the same CPU",
)
