"""What an interval allows to say, on both sides of every border."""

from __future__ import annotations

import pytest

from validation.verdict.significance import Significance, significance

LIMIT = 0.01


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        ((-0.02, -0.001), Significance.WORSE),
        ((-0.5, -0.000001), Significance.WORSE),
        ((-0.005, 0.0), Significance.NONE_SHOWN),
        ((-0.01, 0.01), Significance.NONE_SHOWN),
        ((-0.0101, 0.0), Significance.TOO_FEW),
        ((-0.3, 0.4), Significance.TOO_FEW),
        ((0.0, 0.0), Significance.NONE_SHOWN),
        ((0.0, 0.2), Significance.NONE_SHOWN),
        ((0.0001, 0.2), Significance.BETTER),
        (None, Significance.TOO_FEW),
    ],
)
def test_findings(interval: tuple[float, float] | None, says: Significance) -> None:
    assert significance(interval, LIMIT) is says


def test_words_are_those_of_the_reports() -> None:
    from toolkit.report.content.evidence import FINDINGS

    assert {item.value for item in Significance} == set(FINDINGS)
