"""Every artifact of the small network, made once for all tests."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import cloudpickle
import pytest
import torch

from converters import Artifact, ModelSource, OutputKind, PixelRange
from converters.formats.tflite.float_file import float_graph
from tests.converters import small_network as small
from tests.converters.making import Made, artifact_of, convert_all


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def source() -> ModelSource:
    return small.small_source()


@pytest.fixture(scope="session")
def float_files() -> dict[str, bytes]:
    """Contents of float .tflite files that tests have made, by what they were made of."""
    return {}


@pytest.fixture
def float_files_kept(float_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let litert-torch convert an equal network once a session: for tests of what is made of its float file
    afterwards."""
    convert = float_graph._from_torch

    def kept(source: ModelSource, output: OutputKind, path: Path) -> None:
        sizes = (source.input_size, source.output_size, source.channels, source.pixel_range)
        key = hashlib.sha256(cloudpickle.dumps((source.module, sizes, output))).hexdigest()
        if key not in float_files:
            convert(source, output, path)
            float_files[key] = path.read_bytes()
        path.write_bytes(float_files[key])

    monkeypatch.setattr(float_graph, "_from_torch", kept)


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
