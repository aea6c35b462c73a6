"""Emulate in torch what quantizing a single layer does to a network's answer. Imports torch.

A layer is a convolution or linear module. Its weights are rounded to 8 bits per output channel, symmetric; what goes
into it and what comes out of it (behind a ReLU that fuses with it) to 8 bits per tensor, asymmetric, within ranges
measured on calibration pictures: the arithmetic of int8_static (Jacob et al. 2018, "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference"), with sums in float32 where a device has int32. All other
layers stay float.

The network is traced into a graph. For one picture every value is computed once; for each layer only what depends on it
again.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from quantization.errors import RecipeError

VERSION = 1
"""Of the arithmetic: raised when answers change, so that nobody reads back figures of an older one."""
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
Range = tuple[float, float]
_AUGMENTED = {operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul}
_FUSED = (functional.relu, torch.relu, functional.relu6)


@dataclass(frozen=True)
class Layer:
    """Name a place in the graph that is quantized as a whole.

    Attributes:
        name: dotted name of the module.
        node: its call.
        result: the node whose value is its result: the call itself, or the ReLU behind it.
        affected: every node that has to be computed again, in order.
    """

    name: str
    node: fx.Node
    result: fx.Node
    affected: tuple[fx.Node, ...]


class LayerwiseNetwork:
    """Run a float network whose layers can be quantized one at a time.

    Args:
        module: eval-mode network, float32 (1, 3, H, W) -> float32 (1, C, h, w), without control flow that depends on
            values.

    Raises:
        RecipeError: it cannot be traced, or has no convolution or linear layer.
    """

    def __init__(self, module: nn.Module) -> None:
        try:
            # A copy: converters read weights as they lie in memory, so the caller's may not change their layout.
            copied = copy.deepcopy(module).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._graph = fx.symbolic_trace(copied)
        except Exception as error:  # the tracer raises whatever the user's forward does with a proxy
            reason = str(error).strip().splitlines()[0][:150]
            raise RecipeError(
                f"the network cannot be traced for a layer-by-layer search ({reason}); make its forward free of"
                " branches on values"
            ) from error
        _without_writing_in_place(self._graph)
        self._modules = dict(self._graph.named_modules())
        self._order = list(self._graph.graph.nodes)
        self.layers = tuple(self._layers())
        if not self.layers:
            raise RecipeError("the network has no convolution or linear layer; there is nothing to search")
        self._ranges: dict[fx.Node, list[Range]] = {}

    def _layers(self) -> Iterator[Layer]:
        for node in self._order:
            if node.op == "call_module" and isinstance(self._modules[str(node.target)], LAYERS):
                result = self._fused(node)
                yield Layer(str(node.target), node, result, self._affected(node))

    def _fused(self, node: fx.Node) -> fx.Node:
        user, *others = node.users
        module = self._modules.get(str(user.target)) if user.op == "call_module" else None
        is_relu = isinstance(module, nn.ReLU | nn.ReLU6) or (user.op == "call_function" and user.target in _FUSED)
        return user if is_relu and not others else node

    def _affected(self, node: fx.Node) -> tuple[fx.Node, ...]:
        reached = {node}
        for later in self._order[self._order.index(node) + 1 :]:
            if any(source in reached for source in later.all_input_nodes):
                reached.add(later)
        return tuple(item for item in self._order if item in reached)

    def observe(self, image: torch.Tensor) -> None:
        """Measure the range of every layer's input and result on a calibration picture, (1, 3, H, W)."""
        values = self._values(image)
        for layer in self.layers:
            for node in {_source(layer.node), layer.result}:
                low, high = values[node].aminmax()
                if not bool(torch.isfinite(low) & torch.isfinite(high)):
                    raise RecipeError(
                        f"layer {layer.name!r} gives values that are not finite on a calibration picture; mend the"
                        " weights"
                    )
                self._ranges.setdefault(node, []).append((float(low), float(high)))

    def answers(self, image: torch.Tensor) -> Iterator[tuple[str | None, torch.Tensor]]:
        """Yield the float answer under the name None, then one for each layer quantized alone, (1, C, h, w).

        Raises:
            RecipeError: no calibration picture was observed.
        """
        if not self._ranges:
            raise RecipeError("no calibration pictures were given; give 1 or more")
        values = self._values(image)
        yield None, values[self._order[-1]]
        for layer in self.layers:
            yield layer.name, self._with_quantized(layer, values)

    def _values(self, image: torch.Tensor) -> dict[fx.Node, torch.Tensor]:
        values: dict[fx.Node, torch.Tensor] = {}
        with torch.inference_mode():
            for node in self._order:
                values[node] = self._computed(node, values, image)
        return values

    def _with_quantized(self, layer: Layer, values: dict[fx.Node, torch.Tensor]) -> torch.Tensor:
        source = _source(layer.node)
        changed = dict(values)
        with torch.inference_mode():
            for node in layer.affected:
                if node is layer.node:
                    given = rounded(values[source], mean_range(self._ranges[source]))
                    changed[node] = _applied(self._modules[str(node.target)], given)
                else:
                    changed[node] = self._computed(node, changed, None)
                if node is layer.result:
                    changed[node] = rounded(changed[node], mean_range(self._ranges[node]))
        return changed[self._order[-1]]

    def _computed(self, node: fx.Node, values: dict[fx.Node, torch.Tensor], image: torch.Tensor | None) -> torch.Tensor:
        if node.op == "placeholder":
            assert image is not None
            return image.contiguous(memory_format=torch.channels_last)
        arguments: Any = fx.node.map_arg(node.args, values.__getitem__)
        keywords: Any = fx.node.map_arg(node.kwargs, values.__getitem__)
        if node.op == "output":
            found: torch.Tensor = arguments[0]
        elif node.op == "get_attr":
            found = operator.attrgetter(str(node.target))(self._graph)
        elif node.op == "call_module":
            found = self._modules[str(node.target)](*arguments, **keywords)
        elif node.op == "call_method":
            found = getattr(arguments[0], str(node.target))(*arguments[1:], **keywords)
        else:
            found = node.target(*arguments, **keywords)  # type: ignore[operator]
        return found


def _without_writing_in_place(graph: fx.GraphModule) -> None:
    """Replace writing in place: values are kept for later layers, so nothing may be written over."""
    for module in graph.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    for node in graph.graph.nodes:
        node.target = _AUGMENTED.get(node.target, node.target)
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
        name = str(node.target)
        if node.op == "call_method" and name.endswith("_") and not name.endswith("__"):
            node.target = name.removesuffix("_")


def mean_range(ranges: Sequence[Range]) -> Range:
    """Average the pictures' ranges, with zero in them, as the calibration of int8_static does by default."""
    low = sum(item[0] for item in ranges) / len(ranges)
    high = sum(item[1] for item in ranges) / len(ranges)
    return min(low, 0.0), max(high, 0.0)


def rounded(tensor: torch.Tensor, limits: Range) -> torch.Tensor:
    """Round `tensor` to 8 bits: scale from the limits, zero point rounded, values beyond them clipped."""
    low, high = limits
    scale = (high - low) / 255 or 1.0
    zero = round(-128 - low / scale)
    return torch.fake_quantize_per_tensor_affine(tensor, scale, zero, -128, 127)


def rounded_weights(module: nn.Module) -> torch.Tensor:
    """Round weights to 8 bits, symmetric, a scale for each output channel."""
    weight = module.get_parameter("weight")
    axis = 1 if isinstance(module, nn.ConvTranspose2d) else 0
    largest = weight.abs().amax(dim=[d for d in range(weight.ndim) if d != axis])
    scale = (largest / 127).clamp(min=1e-12)
    zeros = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zeros, axis, -127, 127)


def _applied(module: nn.Module, given: torch.Tensor) -> torch.Tensor:
    weights = {"weight": rounded_weights(module)}
    answer: torch.Tensor = torch.func.functional_call(module, weights, (given,))
    return answer


def _source(node: fx.Node) -> fx.Node:
    source = node.args[0]
    assert isinstance(source, fx.Node)
    return source
