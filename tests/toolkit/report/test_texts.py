"""Terminal and Markdown: every artifact, the verdict first, readable where the window is narrow."""

from __future__ import annotations

import copy
import io
import re
from typing import Any

import pytest
from rich.console import Console

from tests.toolkit.report.sample import ARTIFACTS, not_run_sample, sample
from toolkit.document.schema import check
from toolkit.report import render_terminal
from toolkit.report.content.figures import counted, duration, interval, listed, megabytes, plainly, points
from toolkit.report.markdown import render


def shown(document: dict[str, Any], width: int, *, terminal: bool = False) -> str:
    stream = io.StringIO()
    render_terminal(document, Console(file=stream, width=width, force_terminal=terminal))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_terminal_shows_every_artifact_whole_within_the_window(width: int) -> None:
    text = shown(sample(), width)
    assert max(len(line) for line in text.splitlines()) <= width
    for name, *_ in ARTIFACTS:
        assert re.search(rf"^{re.escape(name)} ", text, re.MULTILINE), name
    assert "0.7973" in text
    assert "\x1b" not in text


def test_terminal_says_the_verdict_first() -> None:
    first = shown(sample(), 140).strip().splitlines()[0]
    assert first == "1 of 8 artifacts fails: tflite-int8_static; the other 7 keep their accuracy limits."


def test_terminal_colours_only_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[32m" in shown(sample(), 140, terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in shown(sample(), 140, terminal=True)


def test_terminal_takes_names_with_markup_for_names() -> None:
    document = sample()
    document["artifacts"][0]["name"] = "[red]x[/red]"
    assert "[red]x[/red]" in shown(document, 140)


def test_not_measured_is_said_with_its_reason() -> None:
    for text in (shown(not_run_sample(), 200), render(check(not_run_sample()))):
        assert "needs macOS" in text
        assert "the converter refused op Foo" in text
        assert "not made" in text
        assert "no runtime was asked to run it" in text


def test_terminal_says_why_an_artifact_fails() -> None:
    text = shown(sample(), 200)
    (failed,) = [artifact for artifact in sample()["artifacts"] if artifact["verdict"]["status"] == "fail"]
    assert f"{failed['name']} fails: {failed['verdict']['reasons'][0]}" in text
    assert text.count(" fails: ") == 2  # in the headline and here
    document = sample()
    for artifact in document["artifacts"]:
        reasons = [f"class {number} is lost" for number in range(5)]
        details = [{"about": f"IoU of {number}", "outcome": "fail"} for number in range(5)]
        artifact["verdict"] = {"status": "fail", "reasons": reasons, "details": details}
    text = shown(document, 200)
    assert "tflite-float32 fails: class 1 is lost" in text and "class 2 is lost" not in text
    assert "tflite-float32 fails: 3 more reasons in report.md" in text


def test_terminal_says_once_why_a_run_was_not_measured() -> None:
    document = not_run_sample()
    for artifact in document["artifacts"][2:]:
        run = artifact["runs"][0]
        details = [{"about": f"{run['runner']} ({run['backend']})", "outcome": "not_run"}]
        artifact["verdict"] = {"status": "not_run", "reasons": ["it was not run: needs macOS"], "details": details}
    text = shown(document, 400)
    assert "needs macOS" in text and "is not judged: " not in text


def test_no_pass_stands_beside_a_run_that_was_not_measured() -> None:
    document = sample()
    document["artifacts"][0]["runs"][1] = {
        **document["artifacts"][0]["runs"][1],
        "status": "not_run",
        "reason": "needs macOS",
        "miou": None,
    }
    rows = tables(render(check(document)))[0][2:]
    assert (rows[0][-1], rows[1][3], rows[1][-1]) == ("pass", "not run", "–")


def test_losses_within_chance_are_called_so() -> None:
    document = sample()
    document["artifacts"] = [document["artifacts"][1]]
    run = document["artifacts"][0]["runs"][0]
    run |= {"delta_miou": -0.003, "delta_miou_ci95": [-0.009, 0.002]}
    sentence = "No loss of mean IoU is shown to be more than chance; the largest is -0.30 pt (tflite-float16)."
    assert sentence in shown(document, 140)
    run |= {"delta_miou_ci95": [-0.009, -0.001], "finding": "worse"}
    assert "The largest loss of mean IoU is -0.30 pt (tflite-float16)." in shown(document, 140)
    run |= {"delta_miou_ci95": None, "finding": "too few images to tell"}
    assert "too few to tell; the largest loss of mean IoU is -0.30 pt (tflite-float16)." in shown(document, 140)


def test_empty_reports_are_no_pass() -> None:
    document = sample() | {"artifacts": []}
    assert "There are no artifacts to judge." in shown(document, 80)
    assert "**Not judged.**" in render(check(document))


def cells(line: str) -> list[str]:
    """Cells of a table's line, split at bars that are not escaped."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def tables(text: str) -> list[list[list[str]]]:
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[cells(line) for line in block.splitlines()] for block in blocks]


def test_markdown_tables_are_well_formed() -> None:
    hostile = copy.deepcopy(sample())
    hostile["artifacts"][0]["name"] = "a|b\n*c* <b>@team"
    hostile["artifacts"][0]["runs"][0]["runner"] = "x|y"
    for document in (sample(), not_run_sample(), hostile):
        found = tables(render(check(document)))
        assert found
        for table in found:
            assert len({len(row) for row in table}) == 1
            assert all(re.fullmatch("-{3}:?", cell) for cell in table[1])
        assert len(found[0]) == 2 + sum(max(1, len(artifact["runs"])) for artifact in document["artifacts"])


def test_markdown_escapes_html_and_markup() -> None:
    document = sample()
    document["artifacts"][0]["name"] = "<img src=x> *bold* [link](http://example.org) @team"
    text = render(check(document))
    assert "<img" not in text
    assert r"\*bold\*" in text
    assert r"\[link\]" in text
    assert "@team" not in text


def test_markdown_has_every_part() -> None:
    text = render(check(sample()))
    assert text.startswith("# FP-LIIF, eleven face classes\n\n**Fail.** 1 of 8 artifacts fails: tflite-int8_static;")
    for name, *_ in ARTIFACTS:
        assert f"| {name} |" in text
    assert "```sh\nsegport run --out runs/sample --images 60 --threads 2\n```" in text
    assert "torch 2.13.0" in text
    assert "onnx2tf" not in text.split("## Environment")[1]


def test_markdown_command_cannot_leave_its_fence() -> None:
    text = render(check(sample() | {"command": "segport run\n```\n# out"}))
    assert "````sh\nsegport run\n```\n# out\n````" in text


def test_markdown_of_a_large_run_fits_a_comment() -> None:
    document = sample()
    document["artifacts"] = [
        {**copy.deepcopy(document["artifacts"][0]), "name": f"tflite-recipe_{number}"} for number in range(40)
    ]
    assert len(render(check(document))) < 65_536


def test_figures_in_words() -> None:
    assert points(-0.00123) == "-0.12 pt"
    assert points(0.0123) == "+1.23 pt"
    assert points(-0.00001) == "0.00 pt"
    assert points(None) == "–"
    assert interval((-0.0021, 0.0003)) == "[-0.21, +0.03]"
    assert (duration(7.2), duration(252), duration(3 * 3600 + 61)) == ("7 s", "4 min 12 s", "3 h 1 min")
    assert (counted(1, "picture"), counted(1200, "picture")) == ("1 picture", "1,200 pictures")
    assert (listed([]), listed(["a"]), listed(["a", "b"]), listed(list("abcdef"))) == (
        "",
        "a",
        "a and b",
        "a, b, c and 3 more",
    )


def test_what_intervals_and_edges_say_stands_in_both() -> None:
    for text in (render(check(sample())), " ".join(shown(sample(), 120).split())):
        assert "worse for tflite-int8_static; no difference shown for" in text.replace("\\", "")
        assert "mean boundary IoU 0." in text and "(tflite-int8_static)" in text


def test_sizes_of_small_files_are_not_zero() -> None:
    assert [megabytes(size) for size in (None, 0, 1_234, 99_999, 100_000, 2_514_000)] == [
        "–",
        "0.0 kB",
        "1.2 kB",
        "100.0 kB",
        "0.10 MB",
        "2.51 MB",
    ]
    document = sample()
    document["artifacts"][0]["size_bytes"] = 1_234
    for text in (shown(document, 140), render(check(document))):
        assert "1.2 kB" in text
    assert re.search(r"1\.2 .*\n.*kB", shown(document, 80))


def test_values_are_written_as_people_do() -> None:
    values = ([64, 96], ["tflite", "onnx"], [], [True, False], {"a": [1, 2, 3]}, None, 0.5)
    assert [plainly(value) for value in values] == [
        "64 x 96",
        "tflite, onnx",
        "none",
        "True, False",
        "a 1, 2, 3",
        "–",
        "0.5",
    ]


def test_markdown_says_how_the_pictures_were_read() -> None:
    document = sample()
    assert "Read as" not in render(check(document))
    document["dataset"]["layout"] = "black-and-white masks, white (255) as 'face'"
    assert "Read as black" in render(check(document))
