"""State of stateful models: values that outlive a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from validation.milrun.errors import PredictInputError


@dataclass(slots=True)
class StateCell:
    """One state tensor; `write_state` replaces its value."""

    value: torch.Tensor


@dataclass(frozen=True)
class State:
    """The states of one model by name; made by `Interpreter.make_state`, updated by every predict it is given to."""

    cells: Mapping[str, StateCell]

    def read_state(self, name: str) -> NDArray[Any]:
        """Copy the present value of a state.


        Raises:
            PredictInputError: no such state.
        """
        value: NDArray[Any] = self._cell(name).value.numpy().copy()
        return value

    def write_state(self, name: str, value: NDArray[Any]) -> None:
        """Replace the value by an array of the same shape.

        Raises:
            PredictInputError: no such state, or another shape.
        """
        cell = self._cell(name)
        if tuple(value.shape) != tuple(cell.value.shape):
            raise PredictInputError(f"state {name!r} has shape {tuple(cell.value.shape)}, not {tuple(value.shape)}")
        cell.value = torch.tensor(value, dtype=cell.value.dtype)

    def _cell(self, name: str) -> StateCell:
        if name not in self.cells:
            raise PredictInputError(f"the model has no state {name!r}; its states: {', '.join(self.cells)}")
        return self.cells[name]
