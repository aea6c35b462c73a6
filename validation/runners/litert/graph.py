"""One graph of an open TFLite interpreter: the only one of an ordinary file, or the one a signature names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from validation.runners.base.tensors import TensorInfo

_DELEGATE = "DELEGATE"


class TFLiteGraph:
    """`feed(index, value)`, `invoke()`, `fetch(index)`: tensors in by number, one bare inference, a copy out.

    The interpreter's public `SignatureRunner` resizes, copies in and copies out on every call, which would be timed as
    inference; for a named signature the calls it makes inside are therefore made here one by one.

    Args:
        interpreter: of LiteRT; its delegates are applied and its default graph is prepared in any case.
        signature: which graph; None for the default one.

    Raises:
        ValueError, RuntimeError: no such signature, or the runtime cannot prepare the graph.
    """

    def __init__(self, interpreter: Any, signature: str | None) -> None:
        interpreter.allocate_tensors()
        self.feed: Callable[[int, NDArray[Any]], None] = interpreter.set_tensor
        self.invoke: Callable[[], None] = interpreter.invoke
        self.fetch: Callable[[int], NDArray[Any]] = interpreter.get_tensor
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if signature is not None:
            runner = interpreter.get_signature_runner(signature)
            inputs, outputs = runner.get_input_details().values(), runner.get_output_details().values()
            calls, graph = runner._interpreter_wrapper, runner._subgraph_index
            calls.AllocateTensors(graph)
            self.feed = lambda index, value: calls.SetTensor(index, value, graph)
            self.invoke = lambda: calls.Invoke(graph)
            self.fetch = lambda index: calls.GetTensor(index, graph)
        self.inputs = [TensorInfo.of(item) for item in inputs]
        self.outputs = [TensorInfo.of(item) for item in outputs]


def left_behind(operations: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Operations of a .tflite graph that no delegate took, by kind with their number, most frequent first.

    Args:
        operations: as an interpreter lists them once delegates are applied: `op_name`, `inputs` and `outputs` (tensor
            numbers).
    """
    listed = list(operations)
    taken = {place for part in delegated_parts(listed) for place in part}
    kinds = [
        str(item["op_name"]) for place, item in enumerate(listed) if place not in taken and item["op_name"] != _DELEGATE
    ]
    return {name: kinds.count(name) for name in sorted(set(kinds), key=lambda name: (-kinds.count(name), name))}


def delegated_parts(operations: Iterable[Mapping[str, Any]]) -> list[list[int]]:
    """Places of the operations in each part of the graph that a delegate took, in the order the parts run.

    What a delegate took stays in an interpreter's list, and one operation called DELEGATE stands for each part it took.
    """
    nodes = [(str(item["op_name"]), _numbers(item["inputs"]), _numbers(item["outputs"])) for item in operations]
    makers = {tensor: place for place, (name, _, made) in enumerate(nodes) if name != _DELEGATE for tensor in made}
    parts, taken = [], set[int]()
    for name, given, made in nodes:
        part = set[int]()
        waiting = set(made) if name == _DELEGATE else set()
        while waiting:
            place = makers.get(waiting.pop())
            if place is not None and place not in taken | part:
                part.add(place)
                waiting |= set(nodes[place][1]) - set(given)
        taken |= part
        parts += [sorted(part)] if name == _DELEGATE else []
    return parts


def _numbers(tensors: Iterable[int]) -> list[int]:
    """Return tensor numbers without the -1 of an optional tensor that is not given."""
    return [int(number) for number in tensors if number >= 0]
