"""Operations of torch that reach litert-torch in another form that computes the same; each one's file says why. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from converters.formats.tflite import norms
from converters.formats.tflite.broadcast import expanded_as
from converters.formats.tflite.transposed import cut_transposed
from converters.torch_heads import ChannelsLast

ATEN = torch.ops.aten
REWRITES: Mapping[Callable[..., Any], Callable[..., torch.Tensor]] = {
    functional.conv_transpose2d: cut_transposed,
    ATEN.conv_transpose2d.input: cut_transposed,
    torch.Tensor.expand_as: expanded_as,
    ATEN.expand_as.default: expanded_as,
    functional.instance_norm: norms.instance_norm,
    ATEN.instance_norm.default: norms.aten_instance_norm,
    functional.group_norm: norms.group_norm,
    ATEN.group_norm.default: norms.group_norm,
    functional.layer_norm: norms.layer_norm,
    ATEN.layer_norm.default: norms.layer_norm,
    functional.adaptive_avg_pool2d: norms.adaptive_average,
    ATEN.adaptive_avg_pool2d.default: norms.adaptive_average,
}
"""What networks call, and what programs of torch.export call for the same."""


class Rewritten(ChannelsLast):
    """`ChannelsLast` with the operations of REWRITES in their other form; the same answer to rounding.

    A subclass and no module around it: files name layers by the modules they lie in.
    """

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        with Rewriting():
            return super().forward(image)


class Rewriting(TorchFunctionMode):
    """While it is entered, torch computes the operations of REWRITES in their other form."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        chosen: Callable[..., Any] = REWRITES.get(func, func)
        return chosen(*args, **(kwargs or {}))
