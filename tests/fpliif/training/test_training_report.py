"""The training's report: self-contained, says what the log says, shows the examples."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fpliif.config import PRESETS
from fpliif.training.loop import LOG, REPORT, train
from fpliif.training.pool import Pool
from fpliif.training.showing.curves import Line, draw
from fpliif.training.showing.report import example_answers
from segdata.labels import FACE11
from tests.fpliif.tiny_fpliif import scrambled, tiny_config
from tests.fpliif.training.tiny_training import TINY_PRESET, config_on


class Balanced(HTMLParser):
    """Fails on an end tag that does not close the innermost open element."""

    LONE = frozenset({"meta", "img", "line", "polyline", "circle", "html"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.LONE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.LONE or self.open.pop() == tag


def test_a_training_leaves_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY_PRESET)
    result = train(config_on("lapa", tmp_path / "data"), tmp_path / "out")
    page = (tmp_path / "out" / REPORT).read_text()
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert f"mean F1 {result.best_mean_f1:.4f}, mIoU {result.best_miou:.4f}" in page
    last = [json.loads(line) for line in (tmp_path / "out" / LOG).read_text().splitlines()][-1]
    for name, value in last["per_class_iou"].items():
        assert f"<td>{name}</td><td>{'–' if value is None else format(value, '.4f')}</td>" in page
    assert page.count("<svg") == 4
    pictures = re.findall(r'alt="(\w+)" src="data:image/png;base64,([^"]+)"', page)
    assert [kind for kind, _ in pictures] == ["picture", "truth", "answer"] * 3
    truth = Image.open(io.BytesIO(base64.b64decode(pictures[1][1]))).convert("RGB")
    mask = np.load(tmp_path / "out/pool-val/masks.npy")[0]
    np.testing.assert_array_equal(np.array(truth), FACE11.colourize(mask))


def test_examples_are_the_networks_answers() -> None:
    network = scrambled(tiny_config())
    rng = np.random.default_rng(0)
    pool = Pool(rng.integers(0, 256, (9, 16, 16, 3), dtype=np.uint8), rng.integers(0, 5, (9, 16, 16), dtype=np.uint8))
    examples = example_answers(network, pool, half=False, count=3)
    for example, place in zip(examples, (0, 4, 8), strict=True):
        np.testing.assert_array_equal(example.image, pool.images[place])
        np.testing.assert_array_equal(example.truth, pool.masks[place])
        picture = torch.from_numpy(np.array(pool.images[place])).permute(2, 0, 1)[None] / 255.0
        with torch.no_grad():
            expected = network(picture, (16, 16))[0].argmax(0)
        np.testing.assert_array_equal(example.answer, expected.numpy())


def _heights(drawing: str) -> list[float]:
    points = re.search(r'polyline points="([^"]+)"', drawing)
    assert points is not None
    return [float(point.split(",")[1]) for point in points[1].split()]


@pytest.mark.parametrize("logarithmic", [False, True])
def test_higher_values_stand_higher(logarithmic: bool) -> None:
    line = Line("loss <1>", "#000000", ((0, 2.5), (10, 0.3), (20, 0.02)))
    drawing = draw("Loss", [line], 20, logarithmic=logarithmic)
    heights = _heights(drawing)
    assert heights == sorted(heights)
    assert len(set(heights)) == 3
    assert "loss &lt;1&gt;: 0.02 after 20" in drawing


def test_the_logarithmic_axis_is_even_in_ratios() -> None:
    first, second, third = _heights(draw("x", [Line("x", "#0", ((0, 1.0), (1, 0.1), (2, 0.01)))], 2, logarithmic=True))
    assert second - first == pytest.approx(third - second, abs=0.11)


def test_long_lines_are_thinned_and_keep_their_end() -> None:
    line = Line("x", "#0", tuple((step, 1.0 + step) for step in range(5001)))
    drawing = draw("x", [line], 5000)
    assert len(_heights(drawing)) < 420
    assert "5001 after 5000" in drawing


def test_nothing_measured_yet() -> None:
    assert "nothing yet" in draw("x", [Line("x", "#0", ())], 5)
