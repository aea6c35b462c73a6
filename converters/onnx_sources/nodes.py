"""Adding nodes to an ONNX graph, and taking out those that lead nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from converters.tools.importing import tool


class Nodes:
    """Nodes to be put into a graph, in their order, with names that nothing else there has."""

    def __init__(self, model: Any) -> None:
        self._onnx = tool("onnx", "onnx")
        self.graph = model.graph
        self.made: list[Any] = []
        self._taken = {name for node in self.graph.node for name in (*node.input, *node.output, node.name)}
        self._taken |= {item.name for item in (*self.graph.initializer, *self.graph.input, *self.graph.output)}

    def add(self, kind: str, *given: str, **attributes: Any) -> str:
        """The name of what the new node answers."""
        name = self.fresh(f"segport_{kind.lower()}")
        self.made.append(self._onnx.helper.make_node(kind, list(given), [name], name=name, **attributes))
        return name

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """The name of a new stored tensor."""
        name = self.fresh("segport_constant")
        self.graph.initializer.append(self._onnx.numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def fresh(self, wanted: str) -> str:
        """`wanted`, or with a number behind it where that name is taken."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

    def tensor(self, name: str, shape: Sequence[int]) -> Any:
        """The description of a float32 input or output."""
        return self._onnx.helper.make_tensor_value_info(name, self._onnx.TensorProto.FLOAT, list(shape))


def values_of(node: Any) -> dict[str, Any]:
    """The node's attributes by name, as Python values; texts are bytes."""
    value = tool("onnx", "onnx").helper.get_attribute_value
    return {attribute.name: value(attribute) for attribute in node.attribute}


def in_order(graph: Any) -> bool:
    """True if every node stands behind those whose answers it takes."""
    behind = {name for node in graph.node for name in node.output}
    for node in graph.node:
        if _taken_by(node) & behind:
            return False
        behind -= set(node.output)
    return all(in_order(inner) for node in graph.node for inner in _inner_graphs(node))


def put_in_order(graph: Any) -> None:
    """Sort the graph's nodes, and those of graphs inside them, in place; nodes that wait for each other are left as
    they are.
    """
    for node in graph.node:
        for inner in _inner_graphs(node):
            put_in_order(inner)
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output}
    needed = {
        place: {makers[name] for name in _taken_by(node) if name in makers} for place, node in enumerate(graph.node)
    }
    try:
        order = list(TopologicalSorter(needed).static_order())
    except CycleError:
        return
    nodes = [copied(graph.node[place]) for place in order]
    del graph.node[:]
    graph.node.extend(nodes)


def _taken_by(node: Any) -> set[str]:
    return {name for name in node.input if name} | _outer_names(node)


def copied(node: Any) -> Any:
    """The same message, in no graph."""
    copy = type(node)()
    copy.CopyFrom(node)
    return copy


def prune(graph: Any) -> None:
    """Take out what does not lead to the graph's outputs: heads that only training needs."""
    needed = {item.name for item in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input) | _outer_names(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    stored = [item for item in graph.initializer if item.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(stored)


def _inner_graphs(node: Any) -> list[Any]:
    """Graphs in a node's attributes: branches and loops."""
    return [
        graph
        for attribute in node.attribute
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs)
    ]


def _outer_names(node: Any) -> set[str]:
    """Names that graphs inside an operation take from outside."""
    inner = _inner_graphs(node)
    return {name for graph in inner for item in graph.node for name in (set(item.input) | _outer_names(item))}
