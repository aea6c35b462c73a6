"""Plan what will be converted, how, and under which key; the plan is complete before anything heavy runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from converters.artifact import OutputKind
from converters.contract import Conversion, Converter
from converters.errors import SourceError
from converters.formats import converter
from converters.source import ModelSource
from quantization import NumberType, Quantizer, Recipe

PLAN_VERSION = 2
"""Raised whenever all converters change what they write; where one does, its `edition` is."""


@dataclass(frozen=True)
class Plan:
    """List all artifacts to make from one source."""

    source: ModelSource
    conversions: tuple[Conversion, ...]


def make_plan(
    source: ModelSource,
    wanted: Sequence[tuple[str, Recipe]],
    *,
    output: OutputKind = OutputKind.LOGITS,
    routes: dict[str, str] | None = None,
    calibration: str | None = None,
    keep: Sequence[tuple[str, NumberType]] = (),
) -> Plan:
    """Decide how each (format, recipe) pair will be made, without doing any of it.

    Args:
        source: the network.
        wanted: (format, recipe) pairs, in the order they shall be made.
        output: logits or label map.
        routes: format -> route, where the user wants that one and no other.
        calibration: digest of the calibration set; required if any recipe needs calibration.
        keep: (pattern, float type) of operators that keep that type in every artifact; the first match counts.

    Raises:
        SourceError: unknown format or route, a recipe the format cannot express, a source the route cannot take, or a
            missing calibration set.
    """
    conversions = []
    for format_name, recipe in wanted:
        target = converter(format_name)
        if format_name not in recipe.formats:
            raise SourceError(
                f"recipe {recipe.name!r} does not exist for {format_name}; it is for: {', '.join(recipe.formats)}"
            )
        if recipe.needs_calibration and calibration is None:
            raise SourceError(f"recipe {recipe.name!r} needs calibration images; give a dataset with a train split")
        asked = (routes or {}).get(format_name)
        route = asked or target.default_route(source)
        if route not in target.routes:
            raise SourceError(f"{format_name} has no route {route!r}; choose from: {', '.join(target.routes)}")
        target.check(source, route)
        if source.input_shapes and not target.several_inputs:
            raise SourceError(f"a {format_name} file takes one picture size; give the input shapes to coreml alone")
        if keep and not target.keeps_operators:
            raise SourceError(
                f"single operations cannot be kept in another number type for {format_name}; leave it out"
            )
        conversion = Conversion(
            name=f"{target.format}-{recipe.name}",
            format=target.format,
            recipe=recipe,
            route=route,
            output=output,
            calibration=calibration if recipe.needs_calibration else None,
            tools=tool_versions(target, route),
            key="",
            keep=tuple(keep),
            others=() if asked else target.other_routes(source),
        )
        conversions.append(replace(conversion, key=_key(source, target, conversion)))
    names = [item.name for item in conversions]
    if len(set(names)) != len(names):
        raise SourceError("the same format and recipe are asked for twice; name each pair once")
    return Plan(source, tuple(conversions))


def _key(source: ModelSource, target: Converter, conversion: Conversion) -> str:
    """Hash all that decides an artifact's content: the conversion, tools included, and the source with its weights."""
    decided: list[object] = [
        PLAN_VERSION,
        target.format,
        _numbers(conversion.recipe),
        conversion.route,
        conversion.output.value,
        conversion.calibration,
        conversion.tools,
        source.name,
        source.weights_sha256,
        source.input_size,
        source.output_size,
        source.pixel_range.value,
        source.classes,
        source.colours,
    ]
    if conversion.keep:
        decided.append([(pattern, number.value) for pattern, number in conversion.keep])
    if source.sizes:
        decided.append(sorted(source.output_sizes))
    if source.input_shapes:
        decided.append(["input shapes", *sorted(source.input_shapes)])
    if target.edition > 1:
        decided.append(["edition", target.edition])
    if conversion.others:
        decided.append(["other routes", *((other, tool_versions(target, other)) for other in conversion.others)])
    return hashlib.sha256(json.dumps(decided).encode()).hexdigest()


def tool_versions(target: Converter, route: str) -> tuple[tuple[str, str], ...]:
    """Return (package, version) pairs that decide what `route` writes; "missing" for what is not installed."""
    return tuple((package, _version(package)) for package in target.tools(route))


def _numbers(recipe: Recipe) -> list[object]:
    """Return what of a recipe decides a file's content; its gates and its summary do not."""
    placed = [] if recipe.quantizer is Quantizer.FORMAT else [recipe.quantizer.value]
    return [
        recipe.name,
        recipe.weights.value,
        recipe.activations.value,
        recipe.activation_range.value,
        recipe.granularity.value,
        recipe.block_size,
        recipe.palette and (recipe.palette.bits, recipe.palette.channels),
        recipe.sparsity,
        recipe.interface.value,
        [repair.value for repair in recipe.repairs],
        recipe.weight_range.value,
        recipe.decisive_logits,
        *placed,
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
