"""The contract every recipe keeps, whichever files lie in the room; and what may not be a recipe."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from converters import converters
from quantization import (
    AccuracyLimits,
    ActivationRange,
    Granularity,
    NumberType,
    Palette,
    Recipe,
    RecipeError,
    Repair,
    recipe,
    recipes,
)
from quantization.recipes import recipes as known_recipes

ALL = list(recipes().values())


@pytest.mark.parametrize("item", ALL, ids=lambda item: item.name)
def test_recipe_is_named_summed_up_and_gated(item: Recipe) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", item.name)
    assert 10 < len(item.summary) < 100
    assert item.limits.miou_drop <= item.limits.class_drop < 0.1
    assert set(item.formats) <= set(converters())
    calibrated = item.activation_range is ActivationRange.STATIC or {Repair.BIAS, Repair.GPTQ} & set(item.repairs)
    assert item.needs_calibration == bool(calibrated)


def test_the_recipes_of_the_main_job_are_there() -> None:
    assert {"float32", "float16", "int8_dynamic", "int8_static", "int16x8", "int8_weights"} <= set(recipes())
    assert {name for name, item in recipes().items() if not item.on_request} == {
        "float32",
        "float16",
        "int8_dynamic",
        "int8_static",
        "int8_weights",
    }


def test_the_core_ml_recipes_are_there() -> None:
    named = {"w8a8", "int4_weights", "palette8", "palette6", "palette4", "palette2", "pruned_palette6"}
    assert all(recipe(name).formats == ("coreml",) for name in named)
    assert recipe("w8a8").needs_calibration


def test_narrower_numbers_never_have_stricter_gates() -> None:
    by_bits = sorted(ALL, key=lambda item: -item.stored_bits)
    drops = [item.limits.miou_drop for item in by_bits]
    assert drops[0] == min(drops)
    palettes = [item.limits.miou_drop for item in by_bits if item.palette and not item.sparsity]
    assert palettes == sorted(palettes) and len(palettes) == 4
    assert (
        recipe("float32").limits.miou_drop < recipe("float16").limits.miou_drop < recipe("int8_static").limits.miou_drop
    )


def test_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe is named 'int3'.*int8_static"):
        recipe("int3")


def test_two_recipes_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from quantization.recipes import float16

    monkeypatch.setattr(float16, "RECIPE", replace(float16.RECIPE, name="float32"))
    with pytest.raises(RecipeError, match="two recipes are named 'float32'"):
        known_recipes.__wrapped__()


def _recipe(**changes: object) -> Recipe:
    return replace(recipe("int8_static"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation_range": ActivationRange.NONE}, "contradict each other"),
        ({"activations": NumberType.FLOAT16}, "contradict each other"),
        ({"weights": NumberType.FLOAT16}, "integer activations need integer weights"),
        ({"formats": ()}, "names no target format"),
        ({"granularity": Granularity.PER_BLOCK}, "a block size goes with per-block scales"),
        ({"block_size": 16}, "a block size goes with per-block scales"),
        ({"granularity": Granularity.PER_BLOCK, "block_size": 0}, "give 1 or more"),
        ({"palette": Palette(4)}, "a palette holds floating-point values"),
        ({"sparsity": 1.0}, "from 0 to below 1"),
    ],
)
def test_combinations_nothing_can_run_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        _recipe(**changes)


@pytest.mark.parametrize(("bits", "channels", "message"), [(5, None, "5 bits"), (4, 0, "cannot share")])
def test_palettes_are_what_formats_store(bits: int, channels: int | None, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Palette(bits, channels)


def test_bits_of_a_stored_weight() -> None:
    assert {name: recipe(name).stored_bits for name in ("float32", "palette6", "int4_weights", "w8a8")} == {
        "float32": 32,
        "palette6": 6,
        "int4_weights": 4,
        "w8a8": 8,
    }


@pytest.mark.parametrize("value", [-0.01, 1.5])
def test_limits_are_fractions(value: float) -> None:
    with pytest.raises(RecipeError, match="fraction"):
        AccuracyLimits(miou_drop=value, class_drop=0.1)


@pytest.mark.parametrize(("number", "bits"), [(NumberType.FLOAT32, 32), (NumberType.INT8, 8), (NumberType.INT16, 16)])
def test_number_types_know_their_width(number: NumberType, bits: int) -> None:
    assert number.bits == bits
    assert number.is_integer == number.name.startswith("INT")
