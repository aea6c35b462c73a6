"""Pad by less than nothing, which Core ML refuses, as the slice that it is. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional


def pad(
    input: Tensor,  # noqa: A002 - torch's own name
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Tensor:
    """`torch.nn.functional.pad`: negative widths cut, the others pad."""
    if not cuts(input, pad, mode, value):
        return functional.pad(input, list(pad), mode, value)
    for place in range(0, len(pad), 2):
        axis, before, behind = input.ndim - 1 - place // 2, max(-pad[place], 0), max(-pad[place + 1], 0)
        if before or behind:
            input = input.narrow(axis, before, int(input.shape[axis]) - before - behind)  # noqa: A001
    rest = [max(width, 0) for width in pad]
    return functional.pad(input, rest, mode, value) if any(rest) else input


def cuts(
    input: Tensor,  # noqa: A002
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> bool:
    """Say whether `pad` with these arguments cuts something off."""
    return mode == "constant" and any(int(width) < 0 for width in pad)
