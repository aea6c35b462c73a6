"""Finds out whether the picture's size is at fault where a network refuses a picture."""

from __future__ import annotations

from collections.abc import Callable

USUAL = ((224, 224), (256, 256), (384, 384), (512, 512), (128, 128), (320, 320), (640, 640), (518, 518))
"""(height, width) that networks are often fixed to."""
_GRIDS = (8, 16, 32, 64)
"""Multiples that strided networks ask for."""


def mending_size(answers: Callable[[tuple[int, int]], object], refused: tuple[int, int]) -> tuple[int, int] | None:
    """Return the first other size of picture that is answered; None if all are refused as well.

    Args:
        answers: asks the network for a picture of (height, width); raises where it cannot answer.
        refused: the size that was refused. Sizes near it are tried first.
    """
    for size in _candidates(refused):
        try:
            answers(size)
        except Exception:  # noqa: BLE001 - networks and runtimes raise anything; the first failure is what is told
            continue
        return size
    return None


def advice(size: tuple[int, int] | None, otherwise: str) -> str:
    """Advise the size that was found, or what else there is to do."""
    return otherwise if size is None else f"it answers to {size[0]} x {size[1]}: give --input-size {size[0]}x{size[1]}"


def _candidates(refused: tuple[int, int]) -> list[tuple[int, int]]:
    height, width = refused
    near = [(max(1, round(height / grid)) * grid, max(1, round(width / grid)) * grid) for grid in _GRIDS]
    return [size for size in dict.fromkeys((*near, *USUAL)) if size != refused]
