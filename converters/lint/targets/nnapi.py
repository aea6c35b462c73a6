"""Integer accelerators behind NNAPI and delegates like it (DSPs, NPUs, Edge TPUs): 8-bit graphs, NNAPI's operations.

The operations and their conditions are those of `NNAPIDelegateKernel::Validate` at feature level 4 (Android 11); that
the accelerator itself computes nothing but 8-bit integers is what their makers say.
"""

from __future__ import annotations

from converters.lint.graph import Step
from converters.lint.target import Rule, Target, names

DELEGATE = "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/nnapi/nnapi_delegate.cc"
EDGE_TPU = "https://coral.ai/docs/edgetpu/models-intro/#model-requirements"
TAKES = names(
    """ABS ADD ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_TO_SPACE_ND CAST CONCATENATION CONV_2D DENSIFY DEPTHWISE_CONV_2D
    DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP EXPAND_DIMS FILL FLOOR FULLY_CONNECTED GATHER GREATER GREATER_EQUAL
    HARD_SWISH L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_AND
    LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL NEG NOT_EQUAL PACK PAD
    PADV2 POW PRELU QUANTIZE REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RESHAPE
    RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RNN RSQRT SELECT SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH
    SPLIT SPLIT_V SQRT SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TILE TOPK_V2 TRANSPOSE
    TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNIDIRECTIONAL_SEQUENCE_RNN"""
)
FLOAT_ONLY = names("ABS DIV ELU EXP L2_POOL_2D LOG LOG_SOFTMAX NEG POW REDUCE_PROD RSQRT SIN SQRT SUM")
_EIGHT_BIT = frozenset({"int8", "uint8"})
_BOOKKEEPING = frozenset({"int32", "int64", "bool"})
_CHANGES_TYPE = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})


def _in_floats(step: Step) -> bool:
    return step.op not in _CHANGES_TYPE and bool(step.types & {"float32", "float16"})


def _in_wide_integers(step: Step) -> bool:
    return bool(step.types - _EIGHT_BIT - _BOOKKEEPING - {"float32", "float16"})


def _grid_of_corners(step: Step) -> bool:
    return bool(step.options.get("alignCorners") or step.options.get("halfPixelCenters"))


RULES = (
    Rule(
        frozenset(),
        _in_floats,
        "it is computed in floats, and the accelerator computes 8-bit integers",
        "convert with --recipes int8_static, which quantizes activations as well",
        EDGE_TPU,
    ),
    Rule(
        frozenset(),
        _in_wide_integers,
        "its activations are 16-bit integers, and the accelerator computes 8-bit ones",
        "convert with --recipes int8_static",
        DELEGATE,
    ),
    Rule(
        FLOAT_ONLY,
        lambda step: bool(step.types & _EIGHT_BIT),
        "NNAPI has it for floats only",
        "replace it by a table (a quantized logistic or tanh), a product or a convolution",
        DELEGATE,
    ),
    Rule(
        frozenset({"CONV_2D"}),
        lambda step: len(step.inputs) < 3,
        "a convolution without bias",
        "give it a bias of zeros",
        DELEGATE,
    ),
    Rule(
        frozenset({"CONCATENATION", "SUB", "SOFTMAX", "SQUARED_DIFFERENCE"}),
        lambda step: any(len(value.shape) > 4 for value in step.inputs),
        "tensors of more than four axes",
        "reshape to (batch, height, width, channels) before it",
        DELEGATE,
    ),
    Rule(
        frozenset({"MEAN", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN"}),
        lambda step: not step.outputs[0].shape,
        "a reduction to a single number",
        "keep the reduced axes (keepdim=True)",
        DELEGATE,
    ),
    Rule(
        frozenset({"PACK"}),
        lambda step: step.options.get("axis") in (-1, len(step.inputs[0].shape)),
        "stacking along a new last axis",
        "concatenate, then reshape",
        DELEGATE,
    ),
    Rule(
        frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}),
        _grid_of_corners,
        "on Android 10 and older: a resize with half-pixel centres or aligned corners",
        "nothing, if Android 11 is the oldest",
        DELEGATE,
        splits=False,
    ),
)

TARGET = Target(
    name="nnapi-int8",
    title="integer accelerators (NNAPI)",
    format="tflite",
    takes=TAKES,
    source=DELEGATE,
    rules=RULES,
    rewrites={
        "BATCH_MATMUL": "a fully connected layer or a 1 x 1 convolution where one side is constant",
        "MIRROR_PAD": "pad with zeros",
        "GELU": "a hard swish or relu",
        "SELECT_V2": "multiply by a mask",
        "BROADCAST_TO": "let the operation behind it broadcast",
        "UNPACK": "split or slice in its place",
        "REDUCE_ALL": "a minimum over the axis",
        "COS": "a sine of a shifted angle, or a table",
        "SIGN": "a comparison",
        "GATHER_ND": "slice in its place",
        "SHAPE": "fix the input size before converting",
    },
    caveat="NNAPI is deprecated from Android 15 on, and every driver takes its own subset; measure on the phone",
)
