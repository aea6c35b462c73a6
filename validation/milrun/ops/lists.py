"""Lists of tensors. A list is never changed in place: writing gives a new one that shares the other elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from validation.milrun.dtypes import dtype_named
from validation.milrun.file.size_limits import MAX_LIST_LENGTH, check_size
from validation.milrun.registry import op


@dataclass(frozen=True)
class TensorList:
    """Elements by number (None: never written), and what an unwritten element reads as."""

    items: tuple[Tensor | None, ...]
    element_shape: tuple[int, ...]
    dtype: torch.dtype
    grows: bool

    def read(self, index: int) -> Tensor:
        """Return an element, or zeros if it was never written."""
        if not 0 <= index < len(self.items):
            raise IndexError(f"element {index} of a list of {len(self.items)} is read")
        item = self.items[index]
        return item if item is not None else torch.zeros(self.element_shape, dtype=self.dtype)

    def write(self, index: int, value: Tensor) -> TensorList:
        """Return a list with one element replaced; one that grows gets as long as needed."""
        if index < 0 or (index >= len(self.items) and not self.grows):
            raise IndexError(f"element {index} of a list of {len(self.items)} is written")
        _check_length(index + 1)
        items = list(self.items) + [None] * (index + 1 - len(self.items))
        items[index] = value
        return TensorList(tuple(items), tuple(value.shape), value.dtype, self.grows)


def as_list(value: Any) -> TensorList:
    """Check that an argument is a list."""
    if not isinstance(value, TensorList):
        raise TypeError("a list was expected")
    return value


def _check_length(length: int) -> None:
    if not 0 <= length <= MAX_LIST_LENGTH:
        raise ValueError(f"a list of {length} elements is not allowed (at most {MAX_LIST_LENGTH})")


@op("make_list")
def make_list(
    elem_shape: list[Any], init_length: int = 1, dynamic_length: bool = True, dtype: str = "fp32"
) -> TensorList:
    """Make an empty list; element sizes that are names are only known once something is written."""
    held = dtype_named(dtype).held
    if held is None:
        raise ValueError(f"a list of {dtype} is not possible")
    _check_length(init_length)
    shape = tuple(0 if isinstance(size, str) else int(size) for size in elem_shape)
    check_size(shape)
    return TensorList((None,) * init_length, shape, held, dynamic_length)


@op("list_length")
def list_length(ls: Any) -> Tensor:
    """Count the elements."""
    return torch.tensor(len(as_list(ls).items), dtype=torch.int32)


@op("list_read", exact=True)
def list_read(ls: Any, index: int) -> Tensor:
    """Read one element."""
    return as_list(ls).read(index)


@op("list_write")
def list_write(ls: Any, index: int, value: Tensor) -> TensorList:
    """Return the list with one element replaced."""
    return as_list(ls).write(index, value)


@op("list_gather", exact=True)
def list_gather(ls: Any, indices: list[int]) -> Tensor:
    """Elements stacked along a new first axis."""
    source = as_list(ls)
    return torch.stack([source.read(index) for index in indices])


@op("list_scatter")
def list_scatter(ls: Any, indices: list[int], value: Tensor) -> TensorList:
    """Slices of `value` along its first axis written to elements."""
    result = as_list(ls)
    for index, item in zip(indices, value, strict=True):
        result = result.write(index, item)
    return result
