"""What an interval allows to say, on both sides of every border."""

from __future__ import annotations

import pytest

from validation.finding import Finding, find

LIMIT = 0.01


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        ((-0.02, -0.001), Finding.WORSE),
        ((-0.5, -0.000001), Finding.WORSE),
        ((-0.005, 0.0), Finding.NONE_SHOWN),
        ((-0.01, 0.01), Finding.NONE_SHOWN),
        ((-0.0101, 0.0), Finding.TOO_FEW),
        ((-0.3, 0.4), Finding.TOO_FEW),
        ((0.0, 0.0), Finding.NONE_SHOWN),
        ((0.0, 0.2), Finding.NONE_SHOWN),
        ((0.0001, 0.2), Finding.BETTER),
        (None, Finding.TOO_FEW),
    ],
)
def test_findings(interval: tuple[float, float] | None, says: Finding) -> None:
    assert find(interval, LIMIT) is says


def test_words_are_those_of_the_reports() -> None:
    from toolkit.report.evidence import FINDINGS

    assert {item.value for item in Finding} == set(FINDINGS)
