"""Lets a network run, or be traced, with the operations that coremltools lacks made of others. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
}
"""What networks call, and what programs of torch.export call for the same."""


class Composing(TorchFunctionMode):
    """While it is entered, torch computes what coremltools lacks in another form, to rounding the same.

    Matrices of bicubic resizes are made while `network` answers to `picture` once, so that a trace holds them as
    constants.
    """

    def __init__(self, network: nn.Module, picture: Tensor) -> None:
        super().__init__()
        self._matrices: dict[str, tuple[Tensor, Tensor]] = {}
        with torch.no_grad(), self:
            network(picture)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is functional.interpolate:
            return self._interpolated(*args, **given)
        if func in (ATEN.upsample_bicubic2d.vec, ATEN.upsample_bicubic2d.default):
            return self._bicubic_of_program(func, *args, **given)
        if func in (functional.pad, ATEN.pad.default) and "circular" in (*args[2:3], given.get("mode")):
            return composites.padded_in_a_circle(*args[:1], *(args[1:2] or (given["pad"],)))
        if func is ATEN._pad_circular.default:
            return composites.padded_in_a_circle(*args, **given)
        if func in (torch.einsum, ATEN.einsum.default):
            return _einsum(func, args, given)
        chosen: Callable[..., Any] = REWRITES.get(func, func)
        return chosen(*args, **given)

    def _interpolated(
        self,
        input: Tensor,  # noqa: A002 - torch's own name
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        *others: Any,
        **named: Any,
    ) -> Tensor:
        if mode != "bicubic":
            return functional.interpolate(input, size, scale_factor, mode, *others, **named)
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


def _einsum(func: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]) -> Any:
    equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if not isinstance(equation, str) or is_plain(equation, operands):
        return func(*args, **given)
    return einsum(equation, operands)
