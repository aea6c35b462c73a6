"""Reading and writing the state of stateful models."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from validation.milrun.compiled.state import StateCell
from validation.milrun.registry import op


def _cell(value: Any) -> StateCell:
    if not isinstance(value, StateCell):
        raise TypeError("a state was expected")
    return value


@op("read_state", since=18, exact=True)
def read_state(input: Any) -> Tensor:  # noqa: A002 (the name in the file)
    """Return the present value of the state."""
    return _cell(input).value


@op("write_state", since=18)
def write_state(input: Any, data: Tensor) -> None:  # noqa: A002 (the name in the file)
    """Replace the value."""
    cell = _cell(input)
    if cell.value.shape != data.shape:
        raise ValueError(f"a state of shape {tuple(cell.value.shape)} is written with shape {tuple(data.shape)}")
    cell.value = data.clone()
