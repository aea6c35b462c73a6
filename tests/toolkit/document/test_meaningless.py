"""Scores that show nothing: of one class, of masks whose 255 is a class, of a network with one answer."""

from __future__ import annotations

import re

import pytest

from tests.validation.verdict.test_verdict import measured
from toolkit.document.caveats import meaningless, warnings_of
from toolkit.document.shape import ReferenceEntry
from validation.results.run import Status
from validation.verdict.gates import Gates
from validation.verdict.judge import VerdictStatus, judge


def reference(
    truth: dict[str, int],
    answered: dict[str, int] | None = None,
    ignored: int = 0,
    miou: float | None = 0.9,
    one: float = 0.4,
) -> ReferenceEntry:
    return ReferenceEntry.model_validate(
        {
            "runner": "torch",
            "miou": miou,
            "mean_f1": None,
            "per_class_iou": {},
            "latency_ms": None,
            "of_one_answer": {"class": "a", "miou": one},
            "census": {"ignored": ignored, "truth": truth, "answered": answered or truth},
        }
    )


SAYS: list[tuple[ReferenceEntry, str]] = [
    (reference({"a": 900, "b": 0}), "rests on one class .* choose pictures with the other classes"),
    (reference({"a": 900, "b": 0}, ignored=100), "all pixels that count are 'a', .* 10.0% of the pixels are ignored"),
    (reference({"a": 0, "b": 900, "c": 0}), "all pixels that count are 'b'"),
    (
        reference({"a": 500, "b": 400, "c": 0}, ignored=100),
        "class 'c' occurs in no mask, while 10.0% .* an id below 255",
    ),
    (
        reference({str(n): 10 * (n > 4) for n in range(20)}, ignored=100),
        r"5 classes \('0', ...\) occur in no mask, while",
    ),
    (
        reference({"a": 600, "b": 400}, {"a": 1000, "b": 0}, miou=0.3, one=0.3),
        "gives 100.0% of the pixels the class 'a'",
    ),
    (reference({"a": 600, "b": 400}, {"a": 3, "b": 997}, miou=0.2, one=0.3), "gives 99.7% of the pixels the class 'b'"),
    (
        reference({"a": 0, "b": 0}, {"a": 5000, "b": 1}, ignored=5001, miou=None),
        "gives 100.0% of the pixels the class 'a'",
    ),
]


@pytest.mark.parametrize(("given", "says"), SAYS, ids=[says[:30] for _, says in SAYS])
def test_what_shows_nothing_is_said(given: ReferenceEntry, says: str) -> None:
    (found,) = meaningless(given)
    assert re.search(says, found)


FINE = [
    reference({"a": 900, "b": 10}),
    reference({"a": 900, "b": 100}, ignored=400),  # every class occurs
    reference({str(n): 10 * (n > 4) for n in range(20)}, ignored=12),  # few pictures of many classes, borders ignored
    reference({"a": 500, "b": 400, "c": 0}, ignored=9),  # a rare class, hardly anything ignored
    reference({"a": 9950, "b": 50}, {"a": 9960, "b": 40}, miou=0.85, one=0.5),  # small things that are found
    reference({"a": 0, "b": 0}, {"a": 990, "b": 10}, ignored=1000, miou=None),
    reference({"a": 900}),
]


@pytest.mark.parametrize("given", FINE)
def test_what_shows_something_passes(given: ReferenceEntry) -> None:
    assert meaningless(given) == []


def test_pixels_that_are_ignored_on_purpose_stand_for_no_class() -> None:
    given = reference({"a": 500, "b": 400, "c": 0}, ignored=300)
    assert meaningless(given)
    assert meaningless(given, on_purpose=True) == []
    assert meaningless(reference({"a": 900, "b": 0}, ignored=300), on_purpose=True)


def test_masks_of_one_class_accuse_no_network() -> None:
    """No network beats one answer where the masks hold one: neither its weights nor its pixel range is suspected."""
    one_class = reference({"a": 900, "b": 0}, ignored=100, miou=1.0, one=1.0)
    assert meaningless(one_class)
    assert warnings_of([], one_class) == []
    assert "no better than 'a'" in warnings_of([], reference({"a": 500, "b": 400}, miou=0.3, one=0.3))[0]


def test_reports_without_a_census_are_believed() -> None:
    assert meaningless(reference({"a": 9, "b": 0}).model_copy(update={"census": None})) == []


def test_nothing_passes_by_a_score_that_means_nothing() -> None:
    passing = [measured()]
    assert judge(passing, Gates(0.01, 0.05)).status is VerdictStatus.PASS
    found = judge(passing, Gates(0.01, 0.05), meaningless=["all is 'a'"])
    assert found.status is VerdictStatus.NOT_RUN
    assert found.reasons[0] == "the score means nothing: all is 'a'"
    failing = judge([measured(status=Status.FAILED, reason="broke")], Gates(0.01, 0.05), meaningless=["all is 'a'"])
    assert failing.status is VerdictStatus.FAIL
