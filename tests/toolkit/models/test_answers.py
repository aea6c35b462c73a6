"""Answers of every shape: the logits are found, or the user is asked; never are features taken for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from converters import SourceError
from tests.toolkit.models.awkward_networks import SIZE, Core
from toolkit.models import load_source
from toolkit.options import RunOptions

HERE = "tests.toolkit.models.test_answers"
LARGE = (SIZE[0], SIZE[1])


class Named(NamedTuple):
    """A named tuple whose logits come last."""

    features: torch.Tensor
    logits: torch.Tensor


@dataclass
class Record:
    """A dataclass with names of its own."""

    features: torch.Tensor
    masks: torch.Tensor


Form = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]
FORMS: dict[str, Form] = {
    "deep": lambda logits, aux, features: ([logits, aux], features),
    "features_first": lambda logits, aux, features: ([features, aux], logits),
    "small_first": lambda logits, aux, features: (features[..., ::2, ::2], logits),
    "named_deep": lambda logits, aux, features: {"decoder": {"out": logits, "aux": aux}, "backbone": [features]},
    "lonely": lambda logits, aux, features: ([[logits]], features.mean((2, 3))),
    "list_under_name": lambda logits, aux, features: {"out": [logits, aux]},
    "named": lambda logits, aux, features: Named(features, logits),
    "record": lambda logits, aux, features: Record(features, logits),
    "holder": lambda logits, aux, features: SimpleNamespace(logits=logits, hidden=[features]),
    "with_numbers": lambda logits, aux, features: {"labels": logits.argmax(1), "scores": logits},
    "numbers": lambda logits, aux, features: logits.argmax(1),
    "numbers_kept": lambda logits, aux, features: logits.argmax(1, keepdim=True).int(),
    "numbers_in_a_tuple": lambda logits, aux, features: (logits.argmax(1), features.mean((2, 3))),
    "flat": lambda logits, aux, features: (logits, aux),
}


class Answers(nn.Module):
    """The core, an auxiliary head and features, in one of FORMS."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.core, self.form = Core(), form

    def forward(self, image: torch.Tensor) -> Any:
        logits = self.core(image)
        return FORMS[self.form](logits, logits[:, :2] * 2, logits.repeat(1, 3, 1, 1))


def __getattr__(name: str) -> Callable[[], nn.Module]:
    """A factory for each form."""
    if name not in FORMS:
        raise AttributeError(name)
    return lambda: Answers(name)


def source(form: str, **options: Any) -> Any:
    return load_source(RunOptions(model=f"{HERE}:{form}", input_size=SIZE, **options))


def assert_logits(found: Any) -> None:
    picture = torch.rand((1, 3, *SIZE), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(found.module(picture), Core().eval()(picture), rtol=0, atol=0)


@pytest.mark.parametrize("form", ["named_deep", "lonely", "named", "holder", "with_numbers", "flat"])
def test_what_is_obvious_is_taken(form: str) -> None:
    found = source(form)
    assert_logits(found)
    assert bool(found.remarks) == (form in ("named_deep", "named", "flat"))


@pytest.mark.parametrize(
    ("form", "names", "answer"),
    [
        ("deep", r"0\.0 \(1, 4, 16, 24\), 0\.1 \(1, 2, 16, 24\), 1 \(1, 12, 16, 24\)", "0.0"),
        ("features_first", r"0\.0 \(1, 12, 16, 24\), 0\.1 .*, 1 \(1, 4, 16, 24\)", "1"),
        ("small_first", r"0 \(1, 12, 8, 12\), 1 \(1, 4, 16, 24\)", "1"),
        ("list_under_name", r"out\.0 .*, out\.1", "out.0"),
        ("record", r"features .*, masks", "masks"),
    ],
)
def test_what_is_not_is_asked_for(form: str, names: str, answer: str) -> None:
    with pytest.raises(SourceError, match=rf"answers with several maps, {names}.*; say which with --answer NAME"):
        source(form)
    assert_logits(source(form, answer=answer))
    with pytest.raises(SourceError, match="has no map of logits called 'other'; it answers with"):
        source(form, answer="other")


def test_the_map_that_is_taken_is_named() -> None:
    (remark,) = source("flat").remarks
    assert "0 is taken for the logits, not 1 (1, 2, 16, 24); --answer NAME takes another" in remark
    assert not source("flat", answer="0").remarks


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("numbers", "int64 1 x 16 x 24"),
        ("numbers_kept", "int32 1 x 1 x 16 x 24"),
        ("numbers_in_a_tuple", "int64 1 x 16 x 24"),
    ],
)
def test_class_numbers_are_named_as_such(form: str, says: str) -> None:
    with pytest.raises(
        SourceError, match=rf"answers with class numbers \({says}\), which are no scores; answer with the scores"
    ):
        source(form)
