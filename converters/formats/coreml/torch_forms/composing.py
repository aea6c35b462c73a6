"""Lets a network run, or be traced, with the operations that coremltools lacks made of others. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from converters.formats.coreml.torch_forms import composites
from converters.formats.coreml.torch_forms.einsum import einsum, is_plain

ATEN = torch.ops.aten
REWRITES: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.var_mean: composites.var_mean,
    ATEN.var_mean.default: composites.var_mean,
    ATEN.var_mean.dim: composites.var_mean,
    ATEN.var_mean.correction: composites.var_mean,
    torch.std_mean: composites.std_mean,
    ATEN.std_mean.default: composites.std_mean,
    ATEN.std_mean.dim: composites.std_mean,
    ATEN.std_mean.correction: composites.std_mean,
    functional.rms_norm: composites.rms_norm,
    torch.rms_norm: composites.rms_norm,
    ATEN.rms_norm.default: composites.rms_norm,
    ATEN._pad_circular.default: composites.padded_in_a_circle,
}
"""What networks call, and what programs of torch.export call for the same."""


def composed(network: nn.Module, picture: Tensor) -> AbstractContextManager[Any]:
    """Have torch compute what coremltools lacks in another form, to rounding the same, while the context is entered.

    A network that needs none is left alone. `picture` is any that it takes.
    """
    forms = _Composing()
    with torch.no_grad(), forms:
        network(picture)
    return forms if forms.needed else nullcontext()


class _Composing(TorchFunctionMode):
    """Computes operations in their other form, and notes whether there were any that need it.

    Matrices of bicubic resizes are kept from the first time on, so that a trace made later holds them as constants.
    """

    def __init__(self) -> None:
        super().__init__()
        self.needed = False
        self._matrices: dict[str, tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        form = self._form_of(func, args, given)
        if form is None:
            return func(*args, **given)
        self.needed = True
        return form(*args, **given)

    def _form_of(
        self, func: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]
    ) -> Callable[..., Any] | None:
        """What takes the place of a call; None if nothing does."""
        if func is functional.interpolate:
            return self._interpolated if "bicubic" in (*args[3:4], given.get("mode")) else None
        if func in (ATEN.upsample_bicubic2d.vec, ATEN.upsample_bicubic2d.default):
            return partial(self._bicubic_of_program, func)
        if func in (functional.pad, ATEN.pad.default):
            return _padded if "circular" in (*args[2:3], given.get("mode")) else None
        if func in (torch.einsum, ATEN.einsum.default):
            equation, operands = _equation_of(args)
            return None if not isinstance(equation, str) or is_plain(equation, operands) else _einsum
        return REWRITES.get(func)

    def _interpolated(
        self,
        input: Tensor,  # noqa: A002 - torch's own name
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "bicubic",
        *others: Any,
        **named: Any,
    ) -> Tensor:
        names = ("align_corners", "recompute_scale_factor", "antialias")
        return self._bicubic(
            input, size=size, scale_factor=scale_factor, **dict(zip(names, others, strict=False)), **named
        )

    def _bicubic_of_program(self, func: Any, input: Tensor, *args: Any, **named: Any) -> Tensor:  # noqa: A002
        described = [argument.name for argument in func._schema.arguments][1:]
        values = dict(zip(described, args, strict=False)) | named
        size = values.get("output_size")
        factors = None if size is not None else values.get("scale_factors")
        return self._bicubic(input, size=size, scale_factor=factors, align_corners=values["align_corners"])

    def _bicubic(self, input: Tensor, **how: Any) -> Tensor:  # noqa: A002
        shape = tuple(int(size) for size in input.shape)
        key = f"{shape[2:]} {sorted(how.items())}"
        if key not in self._matrices:
            self._matrices[key] = composites.bicubic_matrices(shape, **how)
        rows, columns = self._matrices[key]
        return torch.matmul(torch.matmul(rows, input), columns)


def _padded(input: Tensor, pad: Sequence[int], *_: Any, **__: Any) -> Tensor:  # noqa: A002
    return composites.padded_in_a_circle(input, pad)


def _equation_of(args: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Equation and operands, which torch takes one by one or in a list."""
    operands = tuple(args[1:])
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    return args[0], operands


def _einsum(*args: Any, **_: Any) -> Tensor:
    equation, operands = _equation_of(args)
    return einsum(equation, operands)
