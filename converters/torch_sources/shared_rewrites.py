"""Have torch compute in plain forms what converters refuse or get wrong, while they look at a network. Imports
torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from converters.torch_sources import padding, pooling, resizing
from converters.torch_sources.unpooling import Unpooling

ATEN = torch.ops.aten
Form = Callable[..., Any]
PLAIN: Mapping[Form, Form] = {
    functional.adaptive_avg_pool1d: pooling.adaptive_average_1d,
    functional.adaptive_avg_pool2d: pooling.adaptive_average,
    ATEN.adaptive_avg_pool1d.default: pooling.adaptive_average_1d,
    ATEN.adaptive_avg_pool2d.default: pooling.adaptive_average,
    functional.adaptive_max_pool2d: pooling.uneven_maximum,
    functional.avg_pool2d: pooling.divided_average,
    ATEN.avg_pool2d.default: pooling.divided_average,
    functional.pad: padding.pad,
    functional.interpolate: resizing.interpolate,
    ATEN._upsample_bilinear2d_aa.default: resizing.aten_antialiased("bilinear"),
    ATEN._upsample_bilinear2d_aa.vec: resizing.aten_antialiased("bilinear"),
    ATEN._upsample_bicubic2d_aa.default: resizing.aten_antialiased("bicubic"),
    ATEN._upsample_bicubic2d_aa.vec: resizing.aten_antialiased("bicubic"),
}
"""What networks, and programs of torch.export, call -> the same in a form that ONNX, Core ML and TFLite have."""


def plain_forms(network: nn.Module, picture: Tensor) -> AbstractContextManager[Any]:
    """Have torch compute the operations of PLAIN, and unpoolings, in their other form while the context is entered.

    A network that needs none is left alone: even its names in a file stay as they are. `picture` is any that it takes.

    Raises:
        ConversionError: an unpooling has no other form.
    """
    forms = _PlainForms()
    with torch.no_grad(), forms:
        network(picture)
    return _PlainForms() if forms.needed else nullcontext()


class _PlainForms(TorchFunctionMode):
    """Computes operations in their other form, and notes whether there were any that need it."""

    def __init__(self) -> None:
        super().__init__()
        self.needed = False
        self._forms = {**PLAIN, **Unpooling().forms()}

    def __torch_function__(
        self, func: Form, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func not in self._forms:
            return func(*args, **(kwargs or {}))
        self.needed = self.needed or _needs_it(func, args, kwargs or {})
        return self._forms[func](*args, **(kwargs or {}))


def _needs_it(func: Form, args: Sequence[Any], given: Mapping[str, Any]) -> bool:
    form = PLAIN.get(func)
    if form in (pooling.adaptive_average, pooling.uneven_maximum):
        return not pooling.is_even(*args, **given)
    if form is pooling.adaptive_average_1d:
        return not pooling.is_even_1d(*args, **given)
    if form is pooling.divided_average:
        return (args[6] if len(args) > 6 else given.get("divisor_override")) is not None
    if form is padding.pad:
        return padding.cuts(*args, **given)
    return form is not resizing.interpolate or resizing.is_antialiased(*args, **given)
