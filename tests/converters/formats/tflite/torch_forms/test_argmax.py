"""The argmax before a nearest resize."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from converters.artifact import OutputKind
from converters.formats.tflite.file.flatbuffer import read_model
from converters.formats.tflite.float_file.float_graph import float_graph
from converters.formats.tflite.torch_forms.argmax import before_nearest, copied
from converters.torch_sources.adapter import Adapted, AnswerForm, PictureForm
from tests.converters import small_network as small
from tests.converters.making import artifact_of, bare_source, convert_all, job_of
from validation.runners.litert.runner import LiteRtRunner

CLASSES = 5
SIZE = (48, 48)


def network(resize: str, size: tuple[int, int]) -> Adapted:
    """Logits at a quarter of the picture, resized to `size`."""
    torch.manual_seed(0)
    return Adapted(nn.Conv2d(3, CLASSES, 4, stride=4), PictureForm(), AnswerForm(size=size, resize=resize))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 9), st.integers(1, 9))
def test_copied_labels_are_those_of_resized_logits(height: int, width: int, down: int, across: int) -> None:
    whole, image = network("nearest", (height * down, width * across)), torch.rand(1, 3, height * 4, width * 4)
    bare, factors = before_nearest(whole, OutputKind.LABELS, image)
    assert factors == (down, across)
    assert torch.equal(copied(bare(image).argmax(1), factors), whole(image).argmax(1))


def test_the_file_never_holds_all_classes_at_full_size(tmp_path: Path) -> None:
    source = bare_source(network("nearest", SIZE), SIZE, SIZE, CLASSES)
    graph = float_graph(job_of(source, tmp_path, output=OutputKind.LABELS))
    assert graph.agreement == "100.000 % of pixels"
    (file,) = read_model(graph.path).graphs
    assert file.operators == ("CONV_2D", "ARG_MAX", "CONCATENATION", "RESHAPE", "CONCATENATION", "RESHAPE")


def test_every_recipe_leaves_labels_alone(tmp_path: Path) -> None:
    inner = small.small_network()
    height, width = 2 * small.OUTPUT_SIZE[0], 3 * small.OUTPUT_SIZE[1]
    whole = Adapted(inner, PictureForm(), AnswerForm(size=(height, width), resize="nearest"))
    source = replace(small.small_source(), module=whole, output_size=(height, width))
    picture = small.pictures(1)[0]
    wanted = inner(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255).argmax(1)[0].numpy()
    wanted = wanted.repeat(2, 0).repeat(3, 1)
    for outcome in convert_all(source, "tflite", OutputKind.LABELS, "litert-torch", tmp_path):
        with LiteRtRunner(artifact_of(outcome)) as runner:
            found = runner.predict(picture)
        assert found.shape == wanted.shape
        exact = outcome.conversion.recipe.name in ("float32", "float16")
        assert (found == wanted).mean() > (0.99 if exact else 0.9), outcome.conversion.name
        assert (found == found[::2, ::3].repeat(2, 0).repeat(3, 1)).all()


@pytest.mark.parametrize(
    ("resize", "size", "output"),
    [
        ("bilinear", SIZE, OutputKind.LABELS),
        ("bilinear-corners", SIZE, OutputKind.LABELS),
        ("nearest", SIZE, OutputKind.LOGITS),
        ("nearest", (47, 48), OutputKind.LABELS),
    ],
)
def test_nothing_is_moved_where_it_would_change_the_answer(
    resize: str, size: tuple[int, int], output: OutputKind
) -> None:
    whole = network(resize, size)
    assert before_nearest(whole, output, torch.rand(1, 3, *SIZE)) == (whole, (1, 1))
