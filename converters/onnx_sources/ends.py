"""Where an ONNX graph ends: class numbers told from scores, and any tensor in it made the answer."""

from __future__ import annotations

from typing import Any

from converters.errors import SourceError
from converters.tools.importing import tool

_PASSING = (
    "Cast",
    "Identity",
    "Squeeze",
    "Unsqueeze",
    "Reshape",
    "Transpose",
    "Flatten",
    "QuantizeLinear",
    "DequantizeLinear",
)
"""Operations that change the form of class numbers and not what they say."""


def scores_before(model: Any, name: str) -> str | None:
    """The tensor whose largest channel the output `name` numbers; None if it is no such choice."""
    makers = {output: node for node in model.graph.node for output in node.output}
    while name in makers and makers[name].op_type in _PASSING:
        name = makers[name].input[0]
    node = makers.get(name)
    if node is None or (node.op_type, name) not in (("ArgMax", node.output[0]), ("TopK", node.output[-1])):
        return None
    return str(node.input[0])


def refuse_class_numbers(model: Any, name: str, shape: tuple[int, ...], kind: str, origin: str) -> None:
    """Raise SourceError if the output `name` holds class numbers, and name the tensor with the scores where there
    is one.
    """
    scores, shown = scores_before(model, name), " x ".join(map(str, shape))
    if scores is None and kind.startswith(("float", "double", "bfloat")):
        return
    said = f"{origin} answers in {kind}, which are no scores: {name!r} ({shown}) "
    if scores is None:
        raise SourceError(f"{said}holds whole numbers; export it with the logits in floats")
    raise SourceError(
        f"{said}numbers the class of every pixel; --answer {scores} takes the scores that its argmax is made of, or "
        f"export it with them"
    )


def ending_at(model: Any, name: str | None) -> Any:
    """`model`, or a copy whose only output is `name` if that is a tensor inside it; what leads to others is left in."""
    inside = {output for node in model.graph.node for output in node.output}
    if name is None or name not in inside or any(item.name == name for item in model.graph.output):
        return model
    onnx = tool("onnx", "onnx")
    known = {item.name: item for item in onnx.shape_inference.infer_shapes(model).graph.value_info}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    kind = known[name].type.tensor_type.elem_type if name in known else onnx.TensorProto.FLOAT
    rank = len(known[name].type.tensor_type.shape.dim) if name in known else 4
    sizes = [f"{name}_{axis}" for axis in range(rank)]
    copy.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, sizes))
    return copy
