"""report.html: complete, self-contained, and safe whatever the names in the report are."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.report.sample import ARTIFACTS, NOT_A_PHONE, not_run_sample, sample
from toolkit.report import write_all
from toolkit.report.html import heat

VOID = {"meta", "img", "input", "br", "wbr", "line", "circle", "rect", "path", "polyline", "link"}
ADDRESSES = {"src", "href", "srcset", "action", "poster", "data", "xlink:href", "formaction"}


class Page(HTMLParser):
    """What is in a page: tags, addresses, text, ids; fails on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.named: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.code: dict[str, str] = {"style": "", "script": ""}
        self.handlers: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ADDRESSES]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        known = dict(attrs)
        if known.get("id"):
            self.ids.append(known["id"] or "")
        for name in ("aria-labelledby", "for"):
            self.named += (known.get(name) or "").split()
        if tag == "img":
            self.images.append(known)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.code:
            self.code[self._open[-1]] += data
        else:
            self.text += data


def written(document: dict[str, Any], folder: Path) -> Page:
    write_all(document, folder)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return written(sample(folder), folder)


def test_all_files_and_nothing_else_are_written(page: Page, folder: Path) -> None:
    assert page.text
    assert sorted(path.name for path in folder.iterdir()) == [
        "examples",
        "report.html",
        "report.json",
        "report.junit.xml",
        "report.md",
    ]


def test_verdict_comes_first(page: Page) -> None:
    text = " ".join(page.text.split())
    assert "Fail 1 of 8 artifacts fails: tflite-int8_static; the other 7 keep their accuracy limits." in text[:400]


def test_every_artifact_and_runtime_is_there(page: Page) -> None:
    for name, *_ in ARTIFACTS:
        assert name in page.text
    for words in ("xnnpack", "milrun", "onnxruntime", "left_brow", "absent", "−2.33 pt", NOT_A_PHONE.split(";")[0]):
        assert words in page.text, words


def test_nothing_is_fetched_from_anywhere(page: Page) -> None:
    assert page.addresses
    assert not [address for address in page.addresses if not address.startswith(("data:image/", "#"))]
    assert "url(" not in page.code["style"]
    assert "@import" not in page.code["style"]
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|WebSocket|https?:", page.code["script"])
    assert page.tags["link"] == page.tags["iframe"] == page.tags["base"] == 0


def test_names_of_things_lead_somewhere(page: Page) -> None:
    assert len(set(page.ids)) == len(page.ids)
    assert set(page.named) <= set(page.ids)
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)


def test_pictures_are_inside_and_described(page: Page) -> None:
    inlined = [image for image in page.images if image.get("src")]
    assert len(inlined) == 3 * (3 + 2 * len(ARTIFACTS))
    assert all(image.get("alt") for image in inlined)


HOSTILE = "<script>alert(1)</script>\"'><img src=http://example.org onerror=x>"


def test_hostile_names_stay_text(tmp_path: Path, page: Page) -> None:
    document = sample(tmp_path)
    old = document["model"]["classes"][3]
    document["model"]["classes"][3] = HOSTILE
    scored = [document["reference"]["per_class_iou"]]
    for artifact in document["artifacts"]:
        artifact["verdict"]["reasons"] = [HOSTILE, f"`{HOSTILE}`"]
        artifact["provenance"] = {HOSTILE: HOSTILE}
        for run in artifact["runs"]:
            scored += [run["per_class_iou"], run["delta_per_class_iou"]]
    for scores in scored:
        scores[HOSTILE] = scores.pop(old)
    renamed = document["artifacts"][0]["name"]
    document["artifacts"][0]["name"] = HOSTILE
    document["title"] = document["command"] = document["warnings"][0] = document["dataset"]["name"] = HOSTILE
    document["environment"]["packages"] = {HOSTILE: HOSTILE}
    for example in document["examples"]:
        example["id"] = HOSTILE
        example["artifacts"] = {HOSTILE: example["artifacts"][renamed]}
    hostile = written(document, tmp_path)
    assert hostile.tags["script"] == 1
    assert not hostile.handlers
    assert HOSTILE in hostile.text
    assert not [address for address in hostile.addresses if not address.startswith(("data:image/", "#"))]
    assert hostile.code["script"] == page.code["script"]


def test_class_without_iou_is_absent_and_never_zero(tmp_path: Path) -> None:
    document = sample()
    write_all(document, tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    row = re.search(r"inner_<wbr>mouth</th>(.*?)</tr>", text, re.DOTALL)
    assert row is not None
    assert row[1].count("absent") == 1 + len(ARTIFACTS)
    assert "0.00" not in row[1]


@pytest.mark.parametrize("change", ["no artifacts", "no measurements", "no colours", "no reference"])
def test_poor_reports_still_make_a_page(tmp_path: Path, change: str) -> None:
    document = not_run_sample() if change == "no measurements" else sample()
    if change == "no artifacts":
        document["artifacts"] = []
    elif change == "no colours":
        del document["model"]["colours"]
    elif change == "no reference":
        document["reference"] |= {"miou": None, "per_class_iou": {}}
    page = written(document, tmp_path)
    assert page.tags["h1"] == 1
    assert ("There are no artifacts to judge." in page.text) == (change == "no artifacts")
    assert ("not made" in page.text) == (change == "no measurements")


@pytest.mark.parametrize("path", ["examples/gone.png", "../secret.png", "/etc/hostname", "text.png"])
def test_pictures_that_are_none_or_lie_outside_are_left_out(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "text.png").write_text("no picture")
    document = sample(folder)
    (tmp_path / "secret.png").write_bytes((folder / "examples" / "0-picture.png").read_bytes())
    document["examples"][0]["picture"] = path
    page = written(document, folder)
    assert page.text.count("picture not found") == 1


def test_tints_follow_fixed_steps() -> None:
    assert [heat(change) for change in (0.0, -0.0004, -0.0006, -0.02, -0.2, 0.003, None)] == [
        "",
        "",
        "down1",
        "down3",
        "down4",
        "up2",
        "none",
    ]


def test_a_report_that_does_not_pass_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="schema"):
        write_all(sample() | {"schema": 9}, tmp_path)
    assert not list(tmp_path.iterdir())
