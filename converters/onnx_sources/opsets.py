"""ONNX graphs of newer opsets in the words of an older one, for importers that know no newer ones.

onnx's own version converter stops at what torch's exporter writes (Resize 19, reductions 18). Between opset 17 and
today few operations that networks use have changed what they compute; most only got inputs or attributes whose
defaults are the old meaning. What cannot be said in the old words stays as it is, and the importer names it. Whoever
uses a lowered graph holds it against ONNX Runtime on the original.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from converters.tools.importing import tool

DOMAINS = ("", "ai.onnx")
_OLD_PLACES = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def opset_of(model: Any) -> int:
    """The version of ONNX's own operators that a graph is written in."""
    return next((int(item.version) for item in model.opset_import if item.domain in DOMAINS), 1)


def raised(model: Any, opset: int) -> Any:
    """`model` at a newer opset, by onnx's own converter; raises what that raises.

    It forgets how old resizes place their pixels: before opset 11 all count from the corner and round down.
    """
    onnx = tool("onnx", "onnx")
    newer = onnx.version_converter.convert_version(model, opset)
    for node in newer.graph.node if opset_of(model) < 11 else ():
        if node.op_type == "Resize":
            kept = [item for item in node.attribute if item.name not in _OLD_PLACES]
            del node.attribute[:]
            node.attribute.extend([*kept, *(onnx.helper.make_attribute(*item) for item in _OLD_PLACES.items())])
    return newer


def lowered(model: Any, opset: int) -> Any:
    """A copy of onnx.ModelProto `model` at `opset`, or at its own where that is older; `model` itself where it
    cannot be said in it.
    """
    onnx = tool("onnx", "onnx")
    (version,) = [item.version for item in model.opset_import if item.domain in DOMAINS] or [opset]
    opset = min(opset, version)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for item in copy.opset_import:
        if item.domain in DOMAINS:
            item.version = opset
    words = _Words(copy, version, opset)
    nodes = [new for node in model.graph.node for new in words.in_old(node)]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    try:
        onnx.checker.check_model(copy, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return model
    return copy


class _Words:
    """Rewrites single nodes from one opset to an older one."""

    def __init__(self, model: Any, version: int, opset: int) -> None:
        self._onnx = tool("onnx", "onnx")
        self._helper = self._onnx.helper
        self._version, self._opset = version, opset
        self._graph = model.graph
        self._stored = {item.name: item for item in model.graph.initializer}
        self._stored |= {
            node.output[0]: attribute.t
            for node in model.graph.node
            if node.op_type == "Constant"
            for attribute in node.attribute
            if attribute.name == "value"
        }

    def in_old(self, node: Any) -> Iterator[Any]:
        """The nodes that take the place of `node`."""
        if node.domain not in DOMAINS:
            yield node
        elif node.op_type == "Gelu":
            yield from self._gelu(node)
        else:
            new = self._onnx.NodeProto()
            new.CopyFrom(node)
            if node.op_type.startswith("Reduce") and node.op_type != "ReduceSum":
                self._axes_as_attribute(new)
            if node.op_type == "Reshape":
                self._without_allowed_zeros(new)
            if node.op_type == "GridSample":
                self._old_modes(new)
            self._without_defaults(new)
            yield new

    def _axes_as_attribute(self, node: Any) -> None:
        """Since opset 18 the axes of reductions are an input."""
        if len(node.input) < 2 or node.input[1] not in self._stored:
            return
        axes = self._onnx.numpy_helper.to_array(self._stored[node.input[1]])
        del node.input[1:]
        node.attribute.append(self._helper.make_attribute("axes", [int(axis) for axis in axes.ravel()]))

    def _without_allowed_zeros(self, node: Any) -> None:
        """torch's exporter allows sizes of zero in every Reshape (opset 14), also where there are none."""
        shape = self._stored.get(node.input[1])
        if shape is None or 0 in self._onnx.numpy_helper.to_array(shape):
            return
        kept = [attribute for attribute in node.attribute if attribute.name != "allowzero"]
        del node.attribute[:]
        node.attribute.extend(kept)

    def _old_modes(self, node: Any) -> None:
        """Since opset 20 GridSample's modes are called as Resize's are."""
        for attribute in node.attribute:
            if attribute.name == "mode":
                attribute.s = {b"linear": b"bilinear", b"cubic": b"bicubic"}.get(attribute.s, attribute.s)

    def _without_defaults(self, node: Any) -> None:
        """Leave out attributes that the old opset lacks and that say what it does anyway."""
        defs = self._onnx.defs
        if not defs.has(node.op_type):
            return
        try:
            old = defs.get_schema(node.op_type, self._opset, "").attributes
        except defs.SchemaError:
            return  # it is newer than the opset; the checker will say so
        new = defs.get_schema(node.op_type, self._version, "").attributes
        kept = [
            attribute
            for attribute in node.attribute
            if attribute.name in old
            or attribute.name not in new
            or not self._is_default(attribute, new[attribute.name])
        ]
        del node.attribute[:]
        node.attribute.extend(kept)

    def _is_default(self, attribute: Any, described: Any) -> bool:
        default = described.default_value
        return bool(default.name) and self._value(default) == self._value(attribute)

    def _value(self, attribute: Any) -> Any:
        return self._helper.get_attribute_value(attribute)

    def _gelu(self, node: Any) -> Iterator[Any]:
        """Hendrycks and Gimpel, arXiv 1606.08415: x * Phi(x), with the error function or its tanh approximation."""
        (given,), name = node.input, node.output[0]
        fast = any(attribute.name == "approximate" and attribute.s == b"tanh" for attribute in node.attribute)
        made: list[Any] = []

        def step(kind: str, *inputs: str) -> str:
            made.append(self._helper.make_node(kind, list(inputs), [f"{name}_gelu_{len(made)}"]))
            return str(made[-1].output[0])

        if fast:
            cube = step("Mul", given, step("Mul", given, given))
            inner = step("Add", given, step("Mul", cube, self._number(name, 0.044715)))
            share = step("Tanh", step("Mul", inner, self._number(name, math.sqrt(2 / math.pi))))
        else:
            share = step("Erf", step("Mul", given, self._number(name, math.sqrt(0.5))))
        half = step("Mul", given, self._number(name, 0.5))
        step("Mul", half, step("Add", share, self._number(name, 1.0)))
        made[-1].output[0] = name
        yield from made

    def _number(self, owner: str, value: float) -> str:
        name = f"{owner}_gelu_constant_{value:.6g}"
        if name not in self._stored:
            self._stored[name] = self._onnx.numpy_helper.from_array(np.array(value, dtype=np.float32), name)
            self._graph.initializer.append(self._stored[name])
        return name
