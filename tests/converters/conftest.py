"""Every artifact of the small network, made once for all tests."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from converters import Artifact, ModelSource, OutputKind, PixelRange
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of, convert_all


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def source() -> ModelSource:
    return small.small_source()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Function: all artifacts of one format by recipe name, for an output kind, a route and a pixel range."""

    @cache
    def make(
        format_name: str,
        output: OutputKind = OutputKind.LOGITS,
        route: str | None = None,
        pixel_range: PixelRange = PixelRange.UNIT,
    ) -> dict[str, Artifact]:
        folder = tmp_path_factory.mktemp(f"{format_name}-{output.value}")
        outcomes = convert_all(small.small_source(pixel_range), format_name, output, route, folder)
        return {item.conversion.recipe.name: artifact_of(item) for item in outcomes}

    return make
