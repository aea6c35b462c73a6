"""Apple's Neural Engine, as far as it is known: Core ML decides itself and documents no list of operations.

What is not known not to be taken is counted as taken, so the answer is an upper bound; Xcode's performance report and
MLComputePlan say on a Mac what really happens.
"""

from __future__ import annotations

from converters.lint.graph import Step
from converters.lint.target import Rule, Target

UNSUPPORTED = "https://github.com/hollance/neural-engine/blob/master/docs/unsupported-layers.md"
TYPED = "https://apple.github.io/coremltools/docs-guides/source/typed-execution-example.html"
TRANSFORMERS = "https://machinelearning.apple.com/research/neural-engine-transformers"


def _dilated(step: Step) -> bool:
    return any(step_size > 1 for step_size in step.options.get("dilations", ()))


def _in_float32(step: Step) -> bool:
    return step.op != "cast" and bool(step.types & {"float32", "float64"})


RULES = (
    Rule(
        frozenset(),
        _in_float32,
        "it is computed in 32-bit floats, which run on the GPU and the CPU only",
        "convert with --recipes float16, and keep single operations in 32 bits with --keep only where they need it",
        TYPED,
    ),
    Rule(
        frozenset({"lstm", "gru", "rnn"}),
        lambda step: True,
        "recurrent layers are known not to run there",
        "unroll a short sequence, or replace it by convolutions",
        UNSUPPORTED,
    ),
    Rule(
        frozenset({"gather", "gather_along_axis", "gather_nd"}),
        lambda step: True,
        "gathers are known not to run there",
        "slice or split in its place",
        UNSUPPORTED,
    ),
    Rule(
        frozenset({"conv"}),
        _dilated,
        "dilated convolutions are known not to run there",
        "a larger kernel, two small ones, or a smaller grid and a resize",
        UNSUPPORTED,
    ),
    Rule(
        frozenset({"custom_layer", "while_loop", "cond"}),
        lambda step: True,
        "custom layers have no implementation for it, and control flow goes through the CPU",
        "take it out of the graph",
        UNSUPPORTED,
    ),
    Rule(
        frozenset({"linear", "matmul"}),
        lambda step: any(len(value.shape) != 4 for value in step.flowing),
        "tensors that are not (batch, channels, 1, sequence) are slower there",
        "write it as a 1 x 1 convolution",
        TRANSFORMERS,
        splits=False,
    ),
)

TARGET = Target(
    name="neural-engine",
    title="Core ML Neural Engine",
    format="coreml",
    takes=None,
    source=UNSUPPORTED,
    rules=RULES,
    rewrites={},
    caveat=(
        "Apple publishes no list: what is not known to be refused is counted as taken, and Core ML may still choose "
        "the GPU or CPU"
    ),
)
