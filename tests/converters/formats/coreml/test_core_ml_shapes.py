"""One Core ML package for pictures of several sizes, run by milrun at each of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from converters import ModelSource, SourceError, make_plan
from converters.conversion.perform import perform
from converters.formats.coreml.file.program import read_program
from quantization import recipe
from tests.converters import small_network as small
from tests.converters.making import artifact_of
from toolkit.errors import UsageError
from toolkit.models import load_source
from toolkit.options import make_options
from validation.milrun import Interpreter, PredictInputError

SHAPES = ((64, 48), (32, 80), (96, 96))


class AnySize(nn.Module):
    """Strides and a resize by a factor: nothing that depends on one size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.head = nn.Conv2d(16, len(small.CLASSES), 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(torch.relu(self.stem(image)))
        return nn.functional.interpolate(scores, scale_factor=2.0, mode="bilinear", align_corners=False)


def any_size() -> ModelSource:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AnySize().eval()
    return replace(small.small_source(), module=network, output_size=small.INPUT_SIZE, input_shapes=SHAPES)


@pytest.mark.parametrize(("name", "least"), [("float32", 90), ("float16", 45), ("w8a8", 25)])
def test_milrun_answers_at_every_shape(name: str, least: float, tmp_path: Path) -> None:
    source, pictures = any_size(), small.calibration()
    plan = make_plan(source, [("coreml", recipe(name))], calibration=pictures.digest())
    artifact = artifact_of(perform(plan, tmp_path, pictures)[0])
    program = read_program(artifact.path)
    assert set(program.inputs[0].allowed) == set(SHAPES) and program.inputs[0].shape == small.INPUT_SIZE
    assert (
        artifact.provenance["input shapes"] == program.metadata["segport.input_shapes"] == "64 x 48, 32 x 80, 96 x 96"
    )
    runs = Interpreter(artifact.path)
    for shape in SHAPES:
        (picture,) = small.pictures(1, shape, seed=7)
        found = np.moveaxis(runs.predict({"image": picture})["logits"], 1, 3)
        expected = small.torch_logits(source, picture[np.newaxis].astype(np.float32) / np.float32(255))
        assert found.shape == (1, *shape, len(small.CLASSES)) == expected.shape
        assert small.decibels(expected, found) > least
    with pytest.raises(PredictInputError, match=r"\(64, 48\) or"):
        runs.predict({"image": small.pictures(1, (64, 64))[0]})


def test_a_graph_of_one_size_is_refused(tmp_path: Path) -> None:
    """It adds a stored row of its own width."""

    class OneSize(AnySize):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return super().forward(image) + torch.linspace(0, 1, small.INPUT_SIZE[1])

    source = replace(any_size(), module=OneSize().eval())
    (outcome,) = perform(make_plan(source, [("coreml", recipe("float32"))]), tmp_path)
    assert isinstance(outcome.error, SourceError) and "is fixed to pictures of 64 x 48" in str(outcome.error)
    assert not list(tmp_path.glob("*.mlpackage"))


def test_shapes_decide_the_key_and_other_formats_refuse() -> None:
    source = any_size()
    keys = {
        make_plan(item, [("coreml", recipe("float32"))]).conversions[0].key
        for item in (source, replace(source, input_shapes=()), replace(source, input_shapes=SHAPES[:2]))
    }
    assert len(keys) == 3
    with pytest.raises(SourceError, match="takes one picture size"):
        make_plan(source, [("tflite", recipe("float32"))])
    with pytest.raises(SourceError, match="must differ and hold its own size"):
        replace(source, input_shapes=((32, 32),))


def test_options() -> None:
    factory = f"{__name__}:AnySize"
    given = {"model": factory, "input_size": "64x48", "input_shapes": "64x48,32x80"}
    assert load_source(make_options(given)).input_shapes == ((64, 48), (32, 80))
    with pytest.raises(UsageError, match="add it there"):
        load_source(make_options(given | {"input_size": "32x32"}))
    with pytest.raises(UsageError, match="use --output-sizes"):
        load_source(make_options({"input_shapes": "256x256,512x512"}))
