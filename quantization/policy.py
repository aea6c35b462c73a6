"""Keep layers in floats while a recipe quantizes the rest: a policy, one file for every target.

A layer is named by its place in the torch network (``encoder.3.blocks.0.conv1``), which TFLite and Core ML conversions
both carry, or by a shell pattern of such names.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from quantization.errors import RecipeError
from quantization.recipe import NumberType

VERSION = 1
KINDS = (NumberType.FLOAT16, NumberType.FLOAT32)


@dataclass(frozen=True)
class KeptLayer:
    """Name a layer, or a pattern of layers, with the type it keeps.

    Attributes:
        layer: dotted module name; ``*`` and ``?`` stand for parts of names.
        number: float16 or float32.
        reason: for people; part of the file, not of what is converted.

    Raises:
        RecipeError: an empty name, or a type that is no float.
    """

    layer: str
    number: NumberType
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.layer:
            raise RecipeError("a policy names a layer without a name; give its place in the network")
        if self.number not in KINDS:
            raise RecipeError(f"layer {self.layer!r} cannot be kept in {self.number.value}; write float16 or float32")


@dataclass(frozen=True)
class Policy:
    """Hold a recipe and its exceptions. Round-trips through TOML (`to_toml`, `from_toml`).

    Attributes:
        recipe: name of the recipe for all other layers.
        keep: exceptions; the first that matches a layer counts.

    Raises:
        RecipeError: a layer named twice.
    """

    recipe: str
    keep: tuple[KeptLayer, ...] = ()

    def __post_init__(self) -> None:
        names = [entry.layer for entry in self.keep]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise RecipeError(f"a policy names layer {twice!r} twice; name each once")

    @property
    def patterns(self) -> tuple[tuple[str, NumberType], ...]:
        """Return what converters take as `keep`."""
        return tuple((entry.layer, entry.number) for entry in self.keep)

    def to_toml(self) -> str:
        """Write the file's text."""
        lines = [f"version = {VERSION}", f"recipe = {_quoted(self.recipe)}"]
        for entry in self.keep:
            lines += ["", "[[keep]]", f"layer = {_quoted(entry.layer)}", f"type = {_quoted(entry.number.value)}"]
            lines += [f"reason = {_quoted(entry.reason)}"] if entry.reason else []
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str, origin: str) -> Self:
        """Read what `to_toml` wrote; raises RecipeError, naming `origin`, for all but a policy of this version."""
        try:
            table = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise RecipeError(f"{origin} is not a readable TOML file ({error}); mend that line") from error
        _only(table, {"version", "recipe", "keep"}, origin)
        if table.get("version") != VERSION:
            raise RecipeError(
                f"{origin} is a policy of version {table.get('version')!r}; this segport reads version {VERSION}"
            )
        entries = table.get("keep", [])
        if not isinstance(table.get("recipe"), str) or not isinstance(entries, list):
            raise RecipeError(
                f'{origin} names no recipe, or its layers are no list; write recipe = "..." and [[keep]] tables'
            )
        return cls(table["recipe"], tuple(_entry(entry, origin) for entry in entries))


def read_policy(path: Path) -> Policy:
    """Read the policy in a file; raises RecipeError if it cannot be read or is none."""
    try:
        if not path.is_file():
            raise RecipeError(f"there is no policy {path}; check the path")
        return Policy.from_toml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"policy {path} cannot be read ({error}); check the path") from error


def _quoted(text: str) -> str:
    """Write a TOML string: JSON's, but for characters beyond 16 bits, kept as they are, and DEL, which is escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _entry(entry: Any, origin: str) -> KeptLayer:
    if not isinstance(entry, dict):
        raise RecipeError(f"{origin}: an entry of keep is no table; write [[keep]] before each layer")
    _only(entry, {"layer", "type", "reason"}, origin)
    layer, number, reason = entry.get("layer"), entry.get("type"), entry.get("reason", "")
    if not isinstance(layer, str) or not isinstance(reason, str):
        raise RecipeError(f'{origin}: a kept layer needs layer = "NAME"; add it')
    if number not in [kind.value for kind in KINDS]:
        raise RecipeError(f"{origin}: layer {layer!r} has type {number!r}; write float16 or float32")
    return KeptLayer(layer, NumberType(number), reason)


def _only(table: dict[str, Any], known: set[str], origin: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise RecipeError(f"{origin} has an unknown key {unknown[0]!r}; known are: {', '.join(sorted(known))}")
