"""Small ONNX graphs by hand, as exporters other than torch's write them: one picture (1, 3, 24, 32) in, four maps
out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = (24, 32)


def stored(name: str, *shape: int, seed: int = 0) -> Any:
    """Weights."""
    values = np.random.default_rng([seed, len(name), *name.encode()]).normal(0, 0.3, shape)
    return numpy_helper.from_array(values.astype(np.float32), name)


def graph_of(nodes: Sequence[Any], weights: Sequence[Any], opset: int = 13, output: Any = None) -> Any:
    """A model from `image` to `logits`, whose size is left to be found."""
    answer = output or helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4, "h", "w"])
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *SIZE])
    graph = helper.make_graph(list(nodes), "net", [given], [answer], list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(model: Any, path: Path) -> Path:
    """The file, unchecked."""
    path.write_bytes(model.SerializeToString())
    return path


def window(kind: str, before: str, behind: str, **attributes: Any) -> tuple[list[Any], list[Any]]:
    """One operation with a window (3, 3), between convolutions that bring its channels to it and to the answer."""
    weights = [stored(f"{kind}_in", 6, 3, 1, 1), stored(f"{kind}_out", 4, 6, 1, 1)]
    inside = [stored(f"{kind}_w", 6, 6, *attributes["kernel_shape"])] if kind.startswith("Conv") else []
    nodes = [
        helper.make_node("Conv", [before, weights[0].name], [f"{kind}_a"]),
        helper.make_node(kind, [f"{kind}_a", *(item.name for item in inside)], [f"{kind}_b"], **attributes),
        helper.make_node("Conv", [f"{kind}_b", weights[1].name], [behind]),
    ]
    return nodes, [*weights, *inside]


def reloaded(path: Path) -> Any:
    """What the file holds."""
    return onnx.load(str(path))
