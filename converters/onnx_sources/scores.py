"""Find out what the answers of an ONNX graph are: walk from an output to the operation that last changed the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.scores import Meaning, Scores, Trace, Values

_ROUNDING = 1e-3
_LINEAR = {
    "Conv",
    "ConvTranspose",
    "Gemm",
    "MatMul",
    "BatchNormalization",
    "InstanceNormalization",
    "QLinearConv",
    "Einsum",
}
_SUMS = {"Add", "Sub", "Sum"}
_PASSED_OVER = {
    *(
        "Identity",
        "Cast",
        "Resize",
        "Upsample",
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Slice",
        "Clip",
        "Concat",
        "Pad",
    ),
    *(
        "Flatten",
        "MaxPool",
        "AveragePool",
        "QuantizeLinear",
        "DequantizeLinear",
        "Gather",
        "Split",
        "DepthToSpace",
        "Dropout",
    ),
}
KEY, NOTE = "segport.scores", "segport.scores_note"
"""Metadata that tell what a graph's answers are, and how that was found out."""


def trace_of(graph: Any, output: str) -> Trace:
    """The last operation of a graph that changes the values of an output."""
    made = {name: node for node in graph.node for name in node.output}
    stored = {item.name for item in graph.initializer}
    return _trace(output, made, stored, {})


def _trace(name: str, made: Mapping[str, Any], stored: set[str], known: dict[str, Trace]) -> Trace:
    node = made.get(name)
    passed: list[Any] = []
    while node is not None and node.op_type in _PASSED_OVER and node.op_type != "Concat":
        passed.append(node)
        node = made.get(node.input[0])
    if node is None:
        return Trace.OTHER
    kind = node.op_type
    if kind in ("Sigmoid", "HardSigmoid"):
        return Trace.SIGMOID
    if kind == "Softmax":
        return Trace.SOFTMAX if _over_channels(node, passed) else Trace.OTHER
    bounded = any(item.op_type == "Clip" for item in passed)
    if kind in _LINEAR:
        return Trace.OTHER if bounded else Trace.LINEAR
    if kind not in ("Concat", "Mul", "Div", *_SUMS):
        return Trace.OTHER
    if name not in known:
        known[name] = Trace.OTHER  # while its inputs are looked at
        given = [_trace(item, made, stored, known) for item in node.input if item in made]
        if kind == "Concat":
            known[name] = given[0] if given and len(set(given)) == 1 else Trace.OTHER
        elif kind in _SUMS or len(given) == 1:
            known[name] = Trace.LINEAR if Trace.LINEAR in given else Trace.OTHER
    return Trace.OTHER if bounded and known[name] is Trace.LINEAR else known[name]


def _over_channels(softmax: Any, passed: list[Any]) -> bool:
    """True unless what is known of the axes says that a softmax is over another one than that of the channels."""
    axis = 1
    for node in passed:
        if node.op_type == "Transpose":
            order = next((list(item.ints) for item in node.attribute if item.name == "perm"), [])
            if len(order) != 4:
                return True
            axis = order[axis]
        elif node.op_type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Gather"):
            return True
    of_softmax = next((int(item.i) for item in softmax.attribute if item.name == "axis"), -1)
    return of_softmax % 4 == axis


def values_of(answers: list[NDArray[Any]], channels_last: bool) -> Values:
    """Where the values of answers, (1, C, h, w) or (1, h, w, C), to several pictures lie."""
    inside = all(bool(((answer >= 0) & (answer <= 1)).all()) for answer in answers)
    axis = 3 if channels_last else 1
    whole = inside and all(
        bool((np.abs(answer.sum(axis, dtype=np.float64) - 1) <= _ROUNDING).all()) for answer in answers
    )
    return Values(inside, whole)


def noted(model: Any, found: Meaning) -> None:
    """Write what the answers are into the metadata of a model, where they are no plain logits."""
    if found.note:
        model.metadata_props.add(key=KEY, value=found.scores.value)
        model.metadata_props.add(key=NOTE, value=found.note)


def meaning_in(model: Any) -> Meaning | None:
    """What the metadata of a model say of its answers; None if they say nothing."""
    told = {entry.key: entry.value for entry in model.metadata_props}
    known = {item.value: item for item in Scores}
    return Meaning(known[told[KEY]], told.get(NOTE, "")) if told.get(KEY) in known else None
