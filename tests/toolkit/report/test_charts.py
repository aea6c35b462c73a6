"""Drawings: ticks around all figures, marks in order, labels that cover nothing."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.toolkit.report.sample import not_run_sample, sample
from toolkit.document.schema import check
from toolkit.report.content.charts import (
    CHART_HEIGHT,
    CHART_WIDTH,
    Point,
    frontier,
    latency_points,
    latency_spans,
    linear_ticks,
    log_ticks,
    scatter,
    size_points,
)

LINE = 14.0


@given(low=st.floats(0, 1), span=st.floats(0, 1))
def test_linear_ticks_hold_the_figures_in_even_steps(low: float, span: float) -> None:
    ticks = linear_ticks(low, low + span, 5)
    assert ticks[0] <= low + 1e-9
    assert ticks[-1] >= low + span - 1e-9
    steps = [after - before for before, after in pairwise(ticks)]
    assert 2 <= len(ticks) <= 12
    assert max(steps) - min(steps) < 1e-9


@given(low=st.floats(0.001, 1e4), factor=st.floats(1, 1e3))
def test_log_ticks_hold_the_figures(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert ticks[0] <= low * (1 + 1e-6)  # ticks are written with six digits
    assert ticks[-1] >= low * factor * (1 - 1e-6)
    assert ticks == sorted(set(ticks))


@given(st.lists(st.tuples(st.floats(0.5, 100), st.floats(0, 1)), min_size=1, max_size=12), st.booleans())
def test_labels_stay_inside_and_cover_neither_marks_nor_each_other(
    points: list[tuple[float, float]], log: bool
) -> None:
    drawn = scatter(
        [Point(f"tflite-recipe_{index}", "tflite", cost, miou, "") for index, (cost, miou) in enumerate(points)],
        0.5,
        log=log,
    )
    assert drawn is not None
    boxes = [
        (mark.label_x, mark.label_y - LINE / 2, mark.label_x + mark.label_width, mark.label_y + LINE / 2)
        for mark in drawn.marks
    ]
    for box in boxes:
        assert 0 <= box[0] <= box[2] <= CHART_WIDTH
        assert 0 <= box[1] <= box[3] <= CHART_HEIGHT
        for mark in drawn.marks:
            assert not (box[0] < mark.x < box[2] and box[1] < mark.y < box[3])
    for one, other in combinations(boxes, 2):
        assert not (one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3])


def test_frontier_leaves_out_what_another_beats() -> None:
    figures = [(3.0, 0.7), (1.0, 0.5), (2.0, 0.4), (4.0, 0.7)]
    assert frontier([Point("", "", cost, miou, "") for cost, miou in figures]) == [1, 0]


def test_only_what_was_measured_is_drawn() -> None:
    document = check(sample())
    assert len(size_points(document)) == 8
    assert {point.name for point in latency_points(document)} == {
        artifact.name for artifact in document.artifacts if artifact.format != "coreml"
    }
    spans, ticks = latency_spans(document)
    assert len(spans) == 10
    assert all(0 <= span.start <= span.p50 <= span.p90 <= span.end <= 100 for span in spans)
    assert (ticks[0].at, ticks[-1].at) == (0, 100)
    nothing = check(not_run_sample())
    assert scatter(size_points(nothing), 0.5, log=False) is None
    assert latency_spans(nothing) == ([], [])
