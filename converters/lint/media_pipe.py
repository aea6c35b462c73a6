"""MediaPipe's custom operations, which delegates of TensorFlow Lite compute although its interpreter does not know
them."""

from __future__ import annotations

from converters.lint.target import Rule

REGISTERED = "https://github.com/google-ai-edge/LiteRT/blob/main/litert/runtime/compiled_model.cc"
CUSTOM_OPERATIONS = frozenset({"Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D"})
"""Taken by the GPU delegate and by XNNPACK; the GPU delegate takes "Resampler" as well."""

MUST_BE_REGISTERED = Rule(
    ops=CUSTOM_OPERATIONS,
    breaks=lambda step: True,
    reason=(
        "an operation of MediaPipe's: LiteRT's CompiledModel knows it, a plain TensorFlow Lite interpreter refuses "
        "the file"
    ),
    rewrite="open it with CompiledModel or register MediaPipe's operations in the app; or use built-in operations only",
    source=REGISTERED,
    splits=False,
)
