"""What a report warns of before anybody trusts its figures."""

from __future__ import annotations

import pytest

from toolkit.document.caveats import warnings_of
from toolkit.document.shape import OneAnswer, ReferenceEntry


@pytest.mark.parametrize(("miou", "warns"), [(0.05, True), (0.12, True), (0.2, False), (None, False)])
def test_a_network_that_knows_nothing_is_named(miou: float | None, warns: bool) -> None:
    found = warnings_of(
        [],
        ReferenceEntry(
            runner="torch",
            miou=miou,
            mean_f1=None,
            per_class_iou={},
            latency_ms=None,
            of_one_answer=OneAnswer.model_validate({"class": "road", "miou": 0.1165}),
        ),
    )
    assert bool(found) is warns
    if warns:
        assert "no better than 'road' at every pixel (0.1165); check the order of classes, --mean" in found[0]
