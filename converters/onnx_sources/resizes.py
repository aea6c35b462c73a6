"""Resizes of ONNX that torch has no words for, as products with two fixed matrices.

ONNX places pixels in ways that torch does not (`asymmetric` with linear weights, as Upsample of opset 9 does; nearest
with other roundings). Sizes are fixed by then, every such resize is linear and goes along one axis at a time, and
ONNX Runtime itself gives its matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.onnx_sources.nodes import Nodes, copied, values_of
from converters.onnx_sources.reading import sizes_of
from converters.tools.importing import tool

_OF_TORCH = {
    (b"linear", b"half_pixel"),
    (b"linear", b"pytorch_half_pixel"),
    (b"linear", b"align_corners"),
    (b"nearest", b"asymmetric"),
}
"""Modes and places of pixels that torch's interpolate has too; of nearest only with rounding down."""


def with_matrices(model: Any) -> Any:
    """Write resizes of pictures that torch lacks as matrix products, in place, as far as their sizes are known."""
    if not any(_is_foreign(node) for node in model.graph.node):
        return model
    onnx = tool("onnx", "onnx")
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    sizes = {item.name: sizes_of(item) for item in (*graph.input, *graph.value_info, *graph.output)}
    nodes, changed = Nodes(model), []
    for node in model.graph.node:
        before, behind = sizes.get(node.input[0] if node.input else "", ()), sizes.get(node.output[0], ())
        known = len(before) == len(behind) == 4 and all((*before, *behind)) and before[:2] == behind[:2]
        if not _is_foreign(node) or not known:
            changed.append(copied(node))
            continue
        rows = nodes.constant(_matrix(node, before[2], behind[2]))
        columns = nodes.constant(_matrix(node, before[3], behind[3]).T)
        middle = nodes.fresh(f"{node.output[0]}_rows")
        changed.append(onnx.helper.make_node("MatMul", [rows, node.input[0]], [middle], name=middle))
        changed.append(onnx.helper.make_node("MatMul", [middle, columns], [node.output[0]], name=f"{middle}_columns"))
    del model.graph.node[:]
    model.graph.node.extend(changed)
    return model


def _is_foreign(node: Any) -> bool:
    if node.op_type != "Resize":
        return False
    values = values_of(node)
    mode, places = values.get("mode", b"nearest"), values.get("coordinate_transformation_mode", b"half_pixel")
    if places == b"tf_crop_and_resize" or values.get("axes"):
        return False
    down = mode != b"nearest" or values.get("nearest_mode", b"round_prefer_floor") == b"floor"
    return (mode, places) not in _OF_TORCH or not down or bool(values.get("antialias"))


def _matrix(node: Any, size: int, new: int) -> NDArray[np.float32]:
    """(new, size): what ONNX Runtime makes of each unit column."""
    helper, kinds = tool("onnx", "onnx").helper, tool("onnx", "onnx").TensorProto
    runtime = tool("onnxruntime", "onnx")
    resize = copied(node)
    del resize.input[:]
    resize.input.extend(["given", "", "", "sizes"])
    resize.output[0] = "answer"
    goal = helper.make_tensor("sizes", kinds.INT64, [4], [1, size, new, 1])
    given = helper.make_tensor_value_info("given", kinds.FLOAT, [1, size, size, 1])
    answer = helper.make_tensor_value_info("answer", kinds.FLOAT, [1, size, new, 1])
    graph = helper.make_graph([resize], "resize", [given], [answer], [goal])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"given": np.eye(size, dtype=np.float32).reshape(1, size, size, 1)})
    return np.ascontiguousarray(found[0, :, :, 0].T)
