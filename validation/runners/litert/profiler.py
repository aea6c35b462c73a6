"""From what LiteRT's profiler recorded to operations by the names they have in the file.

A delegate reports its own kernels, which are not the graph's operations: XNNPACK runs a 1x1 convolution as a fully
connected layer, folds paddings into convolutions and adds clamps. Kernels of one family are therefore matched with
the graph's operations of that family in the order both run, and only where there are equally many; any other kernel
keeps the name XNNPACK gives it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from validation.results.facts import OperationTime
from validation.runners.litert.c_api import Event

_FAMILIES = {
    "multiply and add": (
        {"Convolution", "Fully Connected", "Deconvolution", "Depthwise Convolution"},
        {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"},
    ),
    "add": ({"Add"}, {"ADD"}),
    "subtract": ({"Subtract"}, {"SUB"}),
    "multiply": ({"Multiply"}, {"MUL"}),
    "divide": ({"Divide"}, {"DIV"}),
    "mean": ({"Mean"}, {"MEAN"}),
    "resize": ({"Resize Bilinear"}, {"RESIZE_BILINEAR"}),
    "concatenate": ({"Concatenate"}, {"CONCATENATION"}),
    "transpose": ({"Transpose"}, {"TRANSPOSE"}),
    "sigmoid": ({"Sigmoid"}, {"LOGISTIC"}),
    "softmax": ({"Softmax"}, {"SOFTMAX"}),
    "max pooling": ({"Max Pooling"}, {"MAX_POOL_2D"}),
    "average pooling": ({"Average Pooling"}, {"AVERAGE_POOL_2D"}),
    "matrix product": ({"Batch Matrix Multiply"}, {"BATCH_MATMUL"}),
}
"""Kernels of XNNPACK (what stands before the bracket) and operations of TFLite's schema that do the same work."""


_OF_KERNEL = {name: family for family, (kernels, _) in _FAMILIES.items() for name in kernels}
_OF_OPERATION = {name: family for family, (_, operations) in _FAMILIES.items() for name in operations}


@dataclass(frozen=True)
class Node:
    """One operation of the graph: its kind in TFLite's schema and a readable name."""

    kind: str
    name: str


def nodes_of(operations: Sequence[Mapping[str, Any]], tensor_names: Mapping[int, str]) -> list[Node]:
    """Return the graph's operations in the form used here, each called by what it writes.


    Args:
        operations: as an interpreter lists them.
        tensor_names: by tensor number.
    """
    return [
        Node(str(item["op_name"]), f"{short_name(tensor_names.get(int(item['outputs'][0]), ''))}#{place}")
        for place, item in enumerate(operations)
    ]


def short_name(tensor: str) -> str:
    """Shorten a tensor name of litert-torch, which spells out every module's class, to its path of attributes.

    Keep others.


    ``pkg.Net/torch.nn.modules.container.Sequential_encoder/torch.nn.modules.conv.Conv2d_0;2`` is ``encoder.0``. What
    the converter wraps around the network, and the network as an attribute of that, are left out.
    """
    paths = []
    for whole in tensor.split(";;"):
        steps = [step.split(";")[0].rsplit(".", 1) for step in whole.split("/")]
        if steps[0][0].startswith("converters."):
            steps = steps[2:]
        attributes = [step[-1].lstrip("_").partition("_")[2] if len(step) > 1 else step[-1] for step in steps]
        paths.append(".".join(name for name in attributes if name))
    return max(paths, key=lambda path: (path.count("."), len(path))) or tensor


def operation_times(
    events: Sequence[Event], nodes: Sequence[Node], parts: Sequence[Sequence[int]]
) -> Iterator[OperationTime]:
    """Put the events of one inference under the names of the graph's operations, where these are certain.


    Args:
        events: in the order they ran.
        nodes: of the graph; empty if they are not known.
        parts: places of the operations that the delegate took, see `delegated_parts`; empty if they are not known.
    """
    kernels = _kernels(events)
    if {place for part in parts for place in part} & {event.place for event in events if not event.delegated}:
        parts = ()  # they are another delegate's
    names = _names(events, kernels, nodes, parts)
    for number, (event, kernel) in enumerate(zip(events, kernels, strict=True)):
        if kernel is not None:
            own = f"{event.name} #{kernel[0]}.{kernel[1]}"
        else:
            own = nodes[event.place].name if event.place < len(nodes) else f"{event.name} #{event.place}"
        yield OperationTime(names.get(number, own), event.name, event.nanoseconds, event.delegated)


def _kernels(events: Sequence[Event]) -> list[tuple[int, int] | None]:
    """For each event the delegated part it belongs to and its place there; None for operations that no delegate took.

    The kernels of a part are counted from 0 and nothing runs between them.
    """
    found: list[tuple[int, int] | None] = []
    part = -1
    for number, event in enumerate(events):
        before = found[number - 1] if number else None
        if event.delegated and (before is None or event.place <= before[1]):
            part += 1
        found.append((part, event.place) if event.delegated else None)
    return found


def _names(
    events: Sequence[Event],
    kernels: Sequence[tuple[int, int] | None],
    nodes: Sequence[Node],
    parts: Sequence[Sequence[int]],
) -> dict[int, str]:
    """Name kernels by the event's number, family by family and part by part."""
    families: dict[tuple[int, str], list[int]] = defaultdict(list)
    for number, (event, kernel) in enumerate(zip(events, kernels, strict=True)):
        family = _OF_KERNEL.get(event.name.split(" (")[0])
        if kernel is not None and family is not None:
            families[kernel[0], family].append(number)
    names = {}
    for (part, family), numbers in families.items():
        places = parts[part] if part < len(parts) else ()
        same = [place for place in places if _OF_OPERATION.get(nodes[place].kind) == family]
        if len(same) == len(numbers):
            names.update({number: nodes[place].name for number, place in zip(numbers, same, strict=True)})
    return names
