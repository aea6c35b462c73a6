"""The operators of a .tflite graph by the names people know: kind, tensor, module of the torch network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from converters.errors import SourceError
from converters.formats.tflite.file.flatbuffer import read_model
from quantization import NumberType

NAMES_SHOWN = 8
WRAPPED = "network."
"""Attribute of `torch_heads.ChannelsLast` that holds the user's network."""
WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_CLASS_AND_NAME = re.compile(r".*\._?[A-Z][A-Za-z0-9]*_(?P<name>[^.]+)")
"""litert-torch writes a module as ``package.module.Class_attribute``."""


@dataclass(frozen=True)
class Layer:
    """One operator.

    Attributes:
        kind: in lower case, e.g. ``"conv_2d"``.
        tensor: name of its first result.
        scope: what ai_edge_quantizer calls the operator: its results' names, each with a semicolon behind.
        module: dotted name of the torch module it came from; empty if the file does not tell.
    """

    kind: str
    tensor: str
    scope: str
    module: str

    def matches(self, pattern: str) -> bool:
        """True if the shell pattern names the kind, the tensor or the module."""
        return any(name and fnmatchcase(name, pattern) for name in (self.kind, self.tensor, self.module))


def layers(path: Path) -> tuple[Layer, ...]:
    """The operators of the file's one graph in execution order; raises SourceError for a damaged file."""
    (graph,) = read_model(path).graphs
    found = []
    for step in graph.steps:
        names = [graph.tensors[number].name for number in step.outputs if number >= 0]
        scope = "".join(f"{name};" for name in names if name)
        # The last operator's result is named after the output; its weights still carry the place they came from.
        given = [graph.tensors[number].name for number in step.inputs[1:2] if number >= 0]
        module = next(filter(None, map(module_of, [names[0], *given])), "")
        found.append(Layer(step.name.lower(), names[0], scope, module))
    return tuple(found)


def module_of(tensor: str) -> str:
    """``"a.ChannelsLast/a.Net_network/torch.nn.Conv2d_conv1;1"`` -> ``"conv1"``; empty for other names.

    A fused operator carries the places of all its parts; the deepest, and of equals the last, is the one with weights.
    """
    places = [[_CLASS_AND_NAME.fullmatch(part) for part in place.split("/")] for place in tensor.split(";")]
    names = [[part["name"] for part in place if part is not None] for place in places]
    deepest = max(len(place) for place in names)
    return ".".join([place for place in names if len(place) == deepest][-1]).removeprefix(WRAPPED)


def kept_layers(path: Path, keep: Sequence[tuple[str, NumberType]]) -> list[tuple[Layer, NumberType]]:
    """Operators that keep a type of their own; the first pattern that matches counts.

    What has no weights of its own (sums, resizes, pools) and works on the results of kept operators alone is kept in
    float32 with them: rounding between two layers in floats would only lose accuracy and time.

    Raises:
        SourceError: a pattern matches no operator; names some that there are.
    """
    (graph,) = read_model(path).graphs
    known = layers(path)
    for pattern, number in keep:
        if not any(layer.matches(pattern) for layer in known):
            names = list(dict.fromkeys(layer.module or layer.tensor for layer in known))
            shown = ", ".join(get_close_matches(pattern, names, NAMES_SHOWN, cutoff=0.5) or names[:NAMES_SHOWN])
            raise SourceError(
                f"no operation is called {pattern!r}, so nothing can be kept in {number.value}; a pattern names a"
                f" module or an operation, with * and ?, for example: {shown}"
            )
    found: list[tuple[Layer, NumberType]] = []
    in_floats: set[int] = set()
    for layer, step in zip(known, graph.steps, strict=True):
        asked = [number for pattern, number in keep if layer.matches(pattern)][:1]
        given = [number for number in step.inputs if number >= 0 and not graph.tensors[number].constant_bytes]
        if not asked and step.name not in WITH_WEIGHTS and given and in_floats.issuperset(given):
            asked = [NumberType.FLOAT32]
        if asked:
            found.append((layer, asked[0]))
            in_floats.update(step.outputs)
    return found
