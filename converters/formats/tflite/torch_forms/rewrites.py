"""Operations of torch that reach litert-torch in another form that computes the same; each one's file says why. Imports
torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from converters.artifact import OutputKind
from converters.formats.tflite.torch_forms import norms, patches
from converters.formats.tflite.torch_forms.argmax import before_nearest, copied
from converters.formats.tflite.torch_forms.broadcast import expanded_as
from converters.formats.tflite.torch_forms.grids import GRID_SAMPLES, FixedGrid, fixed_grids
from converters.formats.tflite.torch_forms.transposed import cut_transposed
from converters.torch_sources import pooling, resizing
from converters.torch_sources.heads import ChannelsLast
from converters.torch_sources.shared_rewrites import PLAIN
from converters.torch_sources.unpooling import Unpooling

ATEN = torch.ops.aten
REWRITES: Mapping[Callable[..., Any], Callable[..., Any]] = {
    **PLAIN,
    functional.interpolate: resizing.nearest,
    functional.avg_pool2d: pooling.plain_average,
    ATEN.avg_pool2d.default: pooling.plain_average,
    functional.max_pool2d: pooling.plain_maximum,
    ATEN.max_pool2d.default: pooling.plain_maximum,
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
    functional.adaptive_max_pool2d: pooling.adaptive_maximum,
    functional.unfold: patches.unfold,
    ATEN.im2col.default: patches.unfold,
    functional.fold: patches.fold,
    ATEN.col2im.default: patches.fold,
}
"""What networks call, and what programs of torch.export call for the same."""


class Rewritten(ChannelsLast):
    """`ChannelsLast` with the operations of REWRITES in their other form, fixed grids sampled, and labels found
    before they are copied; the same answer to rounding.

    A subclass and no module around it: files name layers by the modules they lie in. `picture`, float32 (1, 3, H, W),
    is any that the network takes.
    """

    # litert-torch writes this name into every tensor of a file. It stays what it was, wherever the code lies, so that
    # files stay equal byte for byte.
    __module__ = "converters.formats.tflite.rewrites"

    def __init__(self, network: nn.Module, output: OutputKind, picture: torch.Tensor) -> None:
        network, self._copies = before_nearest(network, output, picture)
        super().__init__(network, output)
        self._grids = fixed_grids(network.eval(), picture)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        with Rewriting(self._grids):
            answer = super().forward(image)
        return (
            {name: copied(labels, self._copies) for name, labels in answer.items()}
            if self._copies != (1, 1)
            else answer
        )


class Rewriting(TorchFunctionMode):
    """While it is entered, torch computes the operations of REWRITES in their other form.

    `grids` holds, for each call of `grid_sample` in order, what it fetches where that is known; see `fixed_grids`.
    """

    def __init__(self, grids: Sequence[FixedGrid | None] = ()) -> None:
        super().__init__()
        self._grids = iter(grids)
        self._forms = {**REWRITES, **Unpooling().forms()}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        grid = next(self._grids, None) if func in GRID_SAMPLES else None
        if grid is not None:
            return grid.sample(args[0] if args else (kwargs or {})["input"])
        chosen: Callable[..., Any] = self._forms.get(func, func)
        return chosen(*args, **(kwargs or {}))
