"""Which function computes which operation, by name and by the opset it first applies to.

An operation file registers plain functions whose annotations say how each argument is wanted:

    @op("softmax")
    def softmax(x: Tensor, axis: int = -1) -> Tensor: ...

`Tensor` arguments arrive as tensors; `int`, `float`, `bool`, `str` and lists of them arrive as Python values, which is
done once at load time where the file gives a constant; `list[Tensor]` takes all arguments of a variadic parameter.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from validation.milrun import ops
from validation.milrun.errors import UnsupportedOpError

OpFunction = Callable[..., Any]
F = typing.TypeVar("F", bound=OpFunction)


@dataclass(frozen=True)
class OpImplementation:
    """How to compute an operation from one opset on.

    Attributes:
        exact: results are copies or selections of input values, so a float16 result needs no rounding.
        pure: same inputs, same outputs, no effects: may be evaluated once at load when all inputs are constants.
        converters: parameter name -> conversion of its argument.
        required: parameters without a default.
    """

    kind: str
    since: int
    function: OpFunction
    exact: bool
    fold: bool
    converters: dict[str, Callable[[Any], Any]]
    required: frozenset[str]
    variadic: frozenset[str]


_REGISTRY: dict[str, dict[int, OpImplementation]] = {}


def op(*kinds: str, since: int = 13, exact: bool = False, fold: bool = False) -> Callable[[F], F]:
    """Register the decorated function for the operations `kinds` from opset `since` on.

    Args:
        exact: see `OpImplementation`.
        fold: evaluate at load when all inputs are constants (weight decompression).

    Raises:
        ValueError: an operation is registered twice for the same opset.
    """

    def register(function: F) -> F:
        for kind in kinds:
            versions = _REGISTRY.setdefault(kind, {})
            if since in versions:
                raise ValueError(f"operation {kind!r} is registered twice for opset {since}")
            versions[since] = _implementation(kind, since, function, exact, fold)
        return function

    return register


def find(kind: str, opset: int) -> OpImplementation:
    """Find the implementation of `kind` that applies at `opset`.


    Raises:
        UnsupportedOpError: no such operation at this opset; the message lists the nearest names.
    """
    _load_operations()
    versions = _REGISTRY.get(kind, {})
    fitting = [since for since in versions if since <= opset]
    if fitting:
        return versions[max(fitting)]
    if versions:
        raise UnsupportedOpError(f"operation {kind!r} exists from iOS{min(versions)} on, the program is for iOS{opset}")
    near = difflib.get_close_matches(kind, _REGISTRY, n=3)
    hint = f"; the nearest it knows: {', '.join(near)}" if near else ""
    raise UnsupportedOpError(f"milrun does not know the operation {kind!r}{hint}")


def known_operations() -> dict[str, tuple[int, ...]]:
    """List all operations and the opsets at which their meaning changed."""
    _load_operations()
    return {kind: tuple(sorted(versions)) for kind, versions in sorted(_REGISTRY.items())}


@cache
def _load_operations() -> None:
    """Import every module of the `ops` folder; that registers what they define."""
    for module in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{module.name}")


def _implementation(kind: str, since: int, function: OpFunction, exact: bool, fold: bool) -> OpImplementation:
    hints = typing.get_type_hints(function)
    converters: dict[str, Callable[[Any], Any]] = {}
    required, variadic = set(), set()
    for name, parameter in inspect.signature(function).parameters.items():
        wanted = _without_none(hints[name])
        converters[name] = _CONVERTERS[wanted]
        if wanted in (list[Tensor], list[Any]):
            variadic.add(name)
        if parameter.default is inspect.Parameter.empty:
            required.add(name)
    return OpImplementation(kind, since, function, exact, fold, converters, frozenset(required), frozenset(variadic))


def _without_none(hint: Any) -> Any:
    """Read `X | None` as X: a missing argument keeps the function's default, so None needs no conversion."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        return members[0]
    return hint


def as_given(value: Any) -> Any:
    """Return the value itself."""
    return value


def as_tensor(value: Any) -> Tensor:
    """Check that an argument is a tensor.


    Raises:
        TypeError: something else was given.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"a tensor was expected, not {type(value).__name__}")
    return value


def _number(value: Any) -> Any:
    return as_tensor(value).item()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


def _numbers(value: Any) -> list[Any]:
    numbers: list[Any] = as_tensor(value).flatten().tolist()
    return numbers


def _integers(value: Any) -> list[int]:
    return [int(number) for number in _numbers(value)]


def _floats(value: Any) -> list[float]:
    return [float(number) for number in _numbers(value)]


def _booleans(value: Any) -> list[bool]:
    return [bool(number) for number in _numbers(value)]


_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    Any: as_given,
    Tensor: as_tensor,
    torch.Tensor: as_tensor,
    list[Tensor]: as_tensor,
    list[Any]: as_given,
    int: lambda value: int(_number(value)),
    float: lambda value: float(_number(value)),
    bool: lambda value: bool(_number(value)),
    str: _text,
    list[int]: _integers,
    list[float]: _floats,
    list[bool]: _booleans,
}
