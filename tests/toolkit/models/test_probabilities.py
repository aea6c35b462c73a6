"""Answers that are probabilities: recognised in torch networks, programs in files and ONNX, said, and thresholded at
one half."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from converters import ModelSource, Scores
from toolkit.models import load_source
from toolkit.options import RunOptions

SIZE = (16, 24)
Head = Callable[[torch.Tensor], object]


class Red(nn.Module):
    """Finds red: logits, above 0 where the picture is red, and a head behind them."""

    def __init__(self, head: Head, channels: int = 1) -> None:
        super().__init__()
        self.head = head
        self.layer = nn.Conv2d(3, channels, 1)
        weights = torch.zeros(channels, 3)
        weights[-1] = torch.tensor([12.0, -8.0, -8.0])
        with torch.no_grad():
            self.layer.weight.copy_(weights.reshape(channels, 3, 1, 1))
            self.layer.bias.fill_(0.0)
            self.layer.bias[-1] = -1.5

    def forward(self, image: torch.Tensor) -> object:
        return self.head(self.layer(image))


def picture() -> torch.Tensor:
    """Red in its upper half, blue below."""
    shown = torch.zeros(1, 3, *SIZE)
    shown[:, 0, : SIZE[0] // 2] = 1.0
    shown[:, 2, SIZE[0] // 2 :] = 1.0
    return shown


def exp_by_hand(x: torch.Tensor) -> torch.Tensor:
    return x.exp() / x.exp().sum(1, keepdim=True)


def resized(x: torch.Tensor) -> torch.Tensor:
    small = torch.sigmoid(functional.avg_pool2d(x, 2))
    return functional.interpolate(small, scale_factor=2.0, mode="bilinear")


def pair(x: torch.Tensor) -> torch.Tensor:
    p = torch.sigmoid(x)
    return torch.cat([1 - p, p], 1)


CASES: dict[str, tuple[Head, int, Scores, str]] = {
    "logit": (lambda x: x, 1, Scores.LOGITS, ""),
    "logits": (lambda x: x, 2, Scores.LOGITS, ""),
    "log softmax": (lambda x: x.log_softmax(1), 2, Scores.LOGITS, ""),
    "sigmoid": (torch.sigmoid, 1, Scores.PROBABILITIES, "ends in a sigmoid"),
    "sigmoid in place": (lambda x: x.sigmoid_(), 1, Scores.PROBABILITIES, "ends in a sigmoid"),
    "sigmoid, then resized": (resized, 1, Scores.PROBABILITIES, "ends in a sigmoid"),
    "sigmoid, then cut": (
        lambda x: torch.sigmoid(functional.pad(x, (1, 1, 1, 1)))[..., 1:-1, 1:-1],
        1,
        Scores.PROBABILITIES,
        "sigmoid",
    ),
    "hard sigmoid": (functional.hardsigmoid, 1, Scores.PROBABILITIES, "ends in a sigmoid"),
    "softmax": (lambda x: x.softmax(1), 2, Scores.PROBABILITIES, "ends in a softmax"),
    "softmax of three": (lambda x: x.softmax(1), 3, Scores.PROBABILITIES, "ends in a softmax"),
    "sigmoid of each class": (torch.sigmoid, 3, Scores.INDEPENDENT, "each class has a probability of its own"),
    "softmax by hand": (
        exp_by_hand,
        2,
        Scores.PROBABILITIES,
        "add up to 1: they are taken for probabilities; say --answer-kind",
    ),
    "pair": (pair, 1, Scores.PROBABILITIES, "add up to 1"),
    "sigmoid by hand": (
        lambda x: 1 / (1 + torch.exp(-x)),
        1,
        Scores.PROBABILITIES,
        "tried lie within 0..1: one channel is the prob",
    ),
    "tanh": (lambda x: (torch.tanh(x / 2) + 1) / 2, 1, Scores.PROBABILITIES, "lie within 0..1"),
    "clamped": (lambda x: (x / 40 + 0.5).clamp(0, 1), 1, Scores.PROBABILITIES, "lie within 0..1"),
    "mean of two": (
        lambda x: (torch.sigmoid(x) + torch.sigmoid(2 * x)) / 2,
        1,
        Scores.PROBABILITIES,
        "lie within 0..1",
    ),
}


def options(model: Path | str, folder: Path) -> RunOptions:
    return RunOptions(model=str(model), input_size=SIZE, out=folder / "out", isolate=False)


def check(source: ModelSource, scores: Scores, note: str) -> None:
    assert source.meaning.scores is scores
    assert note in source.meaning.note
    assert bool(note) == bool(source.meaning.note)


def check_answer(answer: np.ndarray, scores: Scores) -> None:
    """Red is the last class, whatever the head; probabilities of classes that exclude each other add up to one."""
    labels, half = answer.argmax(1)[0], SIZE[0] // 2
    last = answer.shape[1] - 1
    assert (labels[: half - 1] == last).all()
    assert (labels[half + 1 :] != last).all()
    if scores is Scores.PROBABILITIES:
        np.testing.assert_allclose(answer.sum(1), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_torch_network_is_understood(name: str, tmp_path: Path) -> None:
    head, channels, scores, note = CASES[name]
    from toolkit.models.modules import from_module

    source = from_module(Red(head, channels), options("x:y", tmp_path), name="red", origin="red")
    check(source, scores, note)
    assert source.module is not None
    with torch.no_grad():
        check_answer(source.module(picture()).numpy(), scores)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_an_onnx_file_is_understood(name: str, tmp_path: Path) -> None:
    import onnxruntime

    head, channels, scores, note = CASES[name]
    path = tmp_path / "red.onnx"
    torch.onnx.export(Red(head, channels).eval(), (picture(),), str(path), dynamo=False, opset_version=17)
    source = load_source(options(path, tmp_path))
    check(source, scores, note)
    session = onnxruntime.InferenceSession(str(source.onnx_path))
    check_answer(session.run(None, {session.get_inputs()[0].name: picture().numpy()})[0], scores)


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid, then resized", "softmax", "sigmoid by hand", "logit"])
@pytest.mark.parametrize("kind", ["pt2", "ts"])
def test_programs_in_files_are_understood(kind: str, name: str, tmp_path: Path) -> None:
    head, channels, scores, note = CASES[name]
    path = tmp_path / f"red.{kind}"
    network = Red(head, channels).eval()
    if kind == "pt2":
        torch.export.save(torch.export.export(network, (picture(),)), path)
    else:
        torch.jit.trace(network, picture()).save(str(path))
    source = load_source(options(path, tmp_path))
    check(source, scores, note)
    assert source.module is not None
    with torch.no_grad():
        check_answer(source.module(picture()).numpy(), scores)


def test_logits_that_happen_to_lie_within_0_and_1_stay_logits_and_it_is_said(tmp_path: Path) -> None:
    from toolkit.models.modules import from_module

    network = Red(lambda x: x * 0.001 + 0.3)
    source = from_module(network, options("x:y", tmp_path), name="red", origin="red")
    check(source, Scores.LOGITS, "nothing in the network bounds them: they are taken for logits")
    assert "--answer-kind probabilities" in source.meaning.note


def test_a_probability_is_no_logit_of_the_same_network(tmp_path: Path) -> None:
    """The fingerprint tells them apart, so that no artifact of the one is reused for the other."""
    from toolkit.models.modules import from_module

    given = options("x:y", tmp_path)
    network = Red(torch.sigmoid)
    one = from_module(network, given, name="red", origin="red")
    again = from_module(network, given.model_copy(update={"answer_kind": "logits"}), name="red", origin="red")
    assert one.weights_sha256 != again.weights_sha256
    assert again.meaning.scores is Scores.LOGITS
    assert "as --answer-kind says" in again.meaning.note


def test_a_user_may_call_answers_probabilities(tmp_path: Path) -> None:
    from toolkit.models.modules import from_module

    given = options("x:y", tmp_path).model_copy(update={"answer_kind": "probabilities"})
    source = from_module(Red(lambda x: x / 40 + 0.5), given, name="red", origin="red")
    check(source, Scores.PROBABILITIES, "as --answer-kind says; one channel is the probability of the second class")
    assert source.module is not None
    with torch.no_grad():
        check_answer(source.module(picture()).numpy(), Scores.PROBABILITIES)
