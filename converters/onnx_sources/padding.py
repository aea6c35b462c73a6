"""Padding that an ONNX graph leaves to be worked out, written out as numbers.

`auto_pad` and `output_shape` are arithmetic on sizes. Once these are fixed, so is the padding, and every reader knows
`pads`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from converters.onnx_sources.nodes import Nodes, copied, values_of
from converters.onnx_sources.reading import sizes_of
from converters.tools.importing import tool

_END = np.iinfo(np.int64).max
_WINDOWS = ("Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool")


def leaves_padding_open(model: Any) -> bool:
    """True if a node says `auto_pad` or `output_shape`."""
    return any(_is_open(node) for node in model.graph.node)


def with_padding(model: Any) -> Any:
    """Write out padding in onnx.ModelProto `model`, in place, as far as the sizes are known; it computes the same."""
    onnx = tool("onnx", "onnx")
    while True:
        sizes = _sizes(onnx.shape_inference.infer_shapes(model))
        ready = [node for node in model.graph.node if _is_open(node) and _known(node, sizes)]
        if not ready:
            return model
        for node in ready:  # sizes behind these may be known only afterwards
            _write_out(node, sizes)


def with_even_padding(model: Any) -> Any:
    """Cut uneven padding off behind transposed convolutions of a sized graph, in place: onnx2torch knows only even
    padding there.
    """
    nodes = Nodes(model)
    changed = []
    for node in model.graph.node:
        changed.append(node)
        pads = list(values_of(node).get("pads", ())) if node.op_type == "ConvTranspose" else []
        half = len(pads) // 2
        if pads[:half] == pads[half:]:
            continue
        even = [min(pair) for pair in zip(pads[:half], pads[half:], strict=True)]
        _set(node, "pads", even * 2)
        answer, whole = node.output[0], nodes.fresh(f"{node.output[0]}_whole")
        starts = [before - less for before, less in zip(pads[:half], even, strict=True)]
        ends = [less - behind or _END for behind, less in zip(pads[half:], even, strict=True)]
        bounds = [nodes.constant(values, np.int64) for values in (starts, ends, range(2, 2 + half))]
        node.output[0] = whole
        changed.append(tool("onnx", "onnx").helper.make_node("Slice", [whole, *bounds], [answer], name=f"{whole}_cut"))
    kept = [copied(node) for node in changed]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def _is_open(node: Any) -> bool:
    values = values_of(node)
    if node.op_type not in (*_WINDOWS, "ConvTranspose"):
        return False
    return values.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"") or "output_shape" in values


def _known(node: Any, sizes: dict[str, tuple[int, ...]]) -> bool:
    needed = [node.input[0]] if "kernel_shape" in values_of(node) else list(node.input[:2])
    return all(len(sizes.get(name, ())) >= 3 and all(sizes[name][2:]) for name in needed)


def _sizes(model: Any) -> dict[str, tuple[int, ...]]:
    graph = model.graph
    found = {item.name: sizes_of(item) for item in (*graph.input, *graph.output, *graph.value_info)}
    return found | {item.name: tuple(item.dims) for item in graph.initializer}


def _write_out(node: Any, sizes: dict[str, tuple[int, ...]]) -> None:
    values, given = values_of(node), sizes[node.input[0]][2:]
    kernel = values.get("kernel_shape") or sizes[node.input[1]][2:]
    ones = [1] * len(given)
    windows = [(size - 1) * apart + 1 for size, apart in zip(kernel, values.get("dilations", ones), strict=True)]
    strides, mode = values.get("strides", ones), values.get("auto_pad", b"NOTSET")
    if node.op_type == "ConvTranspose":
        extra = values.get("output_padding", [0] * len(given))
        written = list(_transposed(given, windows, strides, extra, values.get("output_shape"), mode))
        _set(node, "output_padding", [beyond for _, _, beyond in written])
    else:
        written = [(*pads, 0) for pads in _padding(given, windows, strides, mode)]
    _set(node, "pads", [before for before, _, _ in written] + [behind for _, behind, _ in written])
    for name in ("auto_pad", "output_shape"):
        _drop(node, name)


def _padding(
    given: Sequence[int], windows: Sequence[int], strides: Sequence[int], mode: bytes
) -> Iterator[tuple[int, int]]:
    """Before and behind, for each axis: as many places out as strides fit in, or no padding (ONNX operators, Conv)."""
    for size, window, stride in zip(given, windows, strides, strict=True):
        missing = 0 if mode == b"VALID" else max((-(-size // stride) - 1) * stride + window - size, 0)
        yield _halves(missing, mode)


def _transposed(
    given: Sequence[int],
    windows: Sequence[int],
    strides: Sequence[int],
    extra: Sequence[int],
    wanted: Sequence[int] | None,
    mode: bytes,
) -> Iterator[tuple[int, int, int]]:
    """Before, behind and output_padding, for each axis (ONNX operators, ConvTranspose, as ONNX Runtime reads it)."""
    for axis, (size, window, stride, beyond) in enumerate(zip(given, windows, strides, extra, strict=True)):
        whole = stride * (size - 1) + beyond + window
        asked = list(wanted)[-len(given) :][axis] if wanted else 0
        goal = asked or (whole if mode == b"VALID" else size * stride)
        yield (*_halves(max(whole - goal, 0), mode), beyond + max(goal - whole, 0))


def _halves(total: int, mode: bytes) -> tuple[int, int]:
    """Half on each side; of an odd number SAME_UPPER puts the larger half behind, all else before."""
    less, more = total // 2, total - total // 2
    return (less, more) if mode == b"SAME_UPPER" else (more, less)


def _set(node: Any, name: str, values: Sequence[int]) -> None:
    _drop(node, name)
    node.attribute.append(tool("onnx", "onnx").helper.make_attribute(name, list(values)))


def _drop(node: Any, name: str) -> None:
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
