"""Read frozen dataclasses from plain dictionaries (JSON, TOML), strictly: unknown keys and wrong types are errors."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from fpliif.errors import ConfigError

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Make dataclass `cls` from `values`; the inverse of `dataclasses.asdict` after a trip through JSON or TOML.

    Args:
        cls: a dataclass whose fields are int, float, bool, str, Literal, None unions, tuples or dataclasses.
        values: field name -> plain value; lists become tuples, integers are accepted for floats.
        where: prefix that names the place in messages, e.g. ``"network"``.

    Raises:
        ConfigError: on an unknown key, a missing required key, or a value of another type.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or cls.__name__} is {values!r}; give a table of options")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigError(f"{_path(where, unknown[0])} is not an option; the options are: {', '.join(fields)}")
    hints = typing.get_type_hints(cls)
    given = {name: _convert(hints[name], value, _path(where, name)) for name, value in values.items()}
    missing = [
        name
        for name, field in fields.items()
        if name not in given and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{_path(where, missing[0])} is missing; give it")
    return cls(**given)


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices or isinstance(value, bool):
            raise ConfigError(f"{where} is {value!r}; choose one of: {', '.join(map(str, choices))}")
        return value
    if origin in (typing.Union, types.UnionType):
        inner = [arm for arm in typing.get_args(hint) if arm is not types.NoneType]
        return None if value is None else _convert(inner[0], value, where)
    if origin is tuple:
        return _convert_tuple(typing.get_args(hint), value, where)
    return _convert_scalar(hint, value, where)


def _convert_tuple(arms: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where} is {value!r}; give a list")
    if len(arms) == 2 and arms[1] is Ellipsis:
        return tuple(_convert(arms[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if len(value) != len(arms):
        raise ConfigError(f"{where} has {len(value)} values; give exactly {len(arms)}")
    return tuple(
        _convert(arm, item, f"{where}[{place}]") for place, (arm, item) in enumerate(zip(arms, value, strict=True))
    )


def _convert_scalar(hint: Any, value: Any, where: str) -> Any:
    wanted = hint.__name__
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int, so `true` would pass as 1 without the exact comparison.
    if type(value) is not hint:
        raise ConfigError(f"{where} is {value!r}; give a value of type {wanted}")
    return value
