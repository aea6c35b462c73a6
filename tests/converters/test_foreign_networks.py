"""The recipes of both targets on small networks with what other people's have: made, run, and near torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from converters import Artifact, converter, make_plan
from converters.conversion.perform import perform
from converters.conversion.routes import INSTEAD_OF
from converters.formats.coreml.converter import EXPORTED
from quantization import recipe, recipes
from tests.converters import small_network as small
from tests.converters.foreign_networks import NETWORKS, foreign
from tests.converters.making import artifact_of
from validation.runners import runners

LEAST_DECIBELS = {"float32": 90.0, "float16": 45.0, "int4_dynamic": 6.0, "int4_weights": 6.0}
"""All others must reach 14."""
ALIKE = ("palette8", "palette4", "palette2", "pruned_palette6")
"""Recipes that take the same path as palette6, and minutes."""
WITH_EVERY_RECIPE = ("binary", "positions")
"""Networks that `make test` converts with every recipe; the others with one of each kind."""
ONE_OF_A_KIND = ("float32", "int8_static", "w8a8", "palette6")
NOT_TRACED = "positions"
"""coremltools refuses its trace, and torch's quantizer cannot follow it."""
RUNNERS = {"tflite": "litert", "coreml": "milrun"}


CASES = [pytest.param(name, None, marks=() if name in WITH_EVERY_RECIPE else pytest.mark.slow) for name in NETWORKS]
CASES += [pytest.param(name, ONE_OF_A_KIND) for name in NETWORKS if name not in WITH_EVERY_RECIPE]


@pytest.mark.parametrize("format_name", RUNNERS)
@pytest.mark.parametrize(("name", "chosen"), CASES)
def test_recipes(name: str, chosen: tuple[str, ...] | None, format_name: str, tmp_path: Path) -> None:
    source = foreign(name)
    pictures = small.calibration(4, source.input_size)
    traced = name != NOT_TRACED or format_name != "coreml"
    first, *others = converter(format_name).routes
    wanted = [
        (format_name, item)
        for item in recipes().values()
        if format_name in item.formats
        and item.name not in ALIKE
        and (traced or item.name != "w8a8_torch")
        and (chosen is None or item.name in chosen)
    ]
    plan = make_plan(source, wanted, routes={format_name: first} if traced else {}, calibration=pictures.digest())
    picture = small.pictures(1, source.input_size, seed=99)[0]
    expected = small.torch_logits(source, picture[np.newaxis].astype(np.float32) / 255)[0]
    found = {}
    for outcome in perform(plan, tmp_path, pictures):
        artifact = artifact_of(outcome)
        assert artifact.provenance["route"] == (first if traced else others[0])
        assert (INSTEAD_OF in artifact.provenance) != traced
        found[artifact.recipe] = small.decibels(expected, _answer(artifact, picture, expected.shape))
    too_far = {recipe: value for recipe, value in found.items() if value < LEAST_DECIBELS.get(recipe, 14.0)}
    assert len(found) == len(wanted) and not too_far


@pytest.mark.parametrize("name", NETWORKS)
def test_exported_programs_are_the_network(name: str, tmp_path: Path) -> None:
    source = foreign(name)
    plan = make_plan(source, [("coreml", recipe("float32"))], routes={"coreml": EXPORTED})
    (outcome,) = perform(plan, tmp_path)
    picture = small.pictures(1, source.input_size, seed=99)[0]
    expected = small.torch_logits(source, picture[np.newaxis].astype(np.float32) / 255)[0]
    assert small.decibels(expected, _answer(artifact_of(outcome), picture, expected.shape)) > 90


def _answer(artifact: Artifact, picture: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    kind = runners()[RUNNERS[artifact.format]]
    with kind(artifact, kind.backends[0], 1) as runner:
        return np.asarray(runner.predict(picture), dtype=np.float32).reshape(shape)
