"""report.html in a real browser, at the width of a phone and of a desk.

Chromium is looked for in SEGPORT_CHROMIUM, on PATH, and where Playwright keeps its own. Without one the tests are
skipped, unless SEGPORT_REQUIRE_BROWSER is set, as in CI. The pictures in docs/images are taken by the last test::

    SEGPORT_SCREENSHOTS=docs/images SEGPORT_REPORT=runs/demo/report.html python -m pytest tests/toolkit/report/test_browser.py
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.toolkit.report.sample import ARTIFACTS, sample
from toolkit.report import write_all

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIETLY = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, DESK = 390, 1280
LEAST_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of usual size."""
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const over = (top, below) => top.slice(0, 3).map((value, i) => value * (top[3] ?? 1) + below[i] * (1 - (top[3] ?? 1)));
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(numbers(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg, .stage, script, style") || element.offsetParent === null) continue;
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const ground = behind(element), ink = over(numbers(getComputedStyle(element).color), ground);
    const pair = [light(ink), light(ground)].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), element.textContent.trim().slice(0, 40)]);
  }
  return found.sort((one, other) => one[0] - other[0]);
}"""

Open = Callable[..., Page]


def _executable() -> str | None:
    named = os.environ.get("SEGPORT_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        executable = _executable()
        if executable is None and not Path(playwright.chromium.executable_path).exists():
            sentence = "there is no Chromium; install it (apt-get install chromium), or name one in SEGPORT_CHROMIUM"
            if os.environ.get("SEGPORT_REQUIRE_BROWSER"):
                pytest.fail(sentence)
            pytest.skip(sentence)
        running = playwright.chromium.launch(executable_path=executable, args=list(QUIETLY))
        yield running
        running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_all(sample(folder), folder)
    return folder / "report.html"


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Open]:
    """Opens the report; afterwards nothing may have been said on the console or asked for outside the file."""
    said: list[str] = []
    asked: list[str] = []
    pages: list[Page] = []

    def opening(width: int = DESK, scheme: str = "light", path: Path = report) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.resolve().as_uri())
        pages.append(page)
        return page

    yield opening
    for page in pages:
        page.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == len(pages)


def _column(page: Page, number: int) -> list[str]:
    return page.locator(f"#matrix tbody tr > :nth-child({number})").all_inner_texts()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_is_as_wide_as_the_window(opened: Open, width: int) -> None:
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("h1").inner_text().endswith("accuracy limits.")


def test_columns_are_sorted_by_click_and_by_key(opened: Open) -> None:
    page = opened()
    size = page.locator("#matrix thead button", has_text="Size")
    size.click()
    shown = [float(text.split()[0]) for text in _column(page, 4)]
    assert shown == sorted(shown) and shown != sorted(shown, reverse=True)
    assert page.locator("#matrix th[aria-sort=ascending]").inner_text().startswith("Size")
    size.focus()
    page.keyboard.press("Enter")
    assert [float(text.split()[0]) for text in _column(page, 4)] == sorted(shown, reverse=True)
    assert page.locator("#matrix th[aria-sort=descending]").count() == 1
    page.locator("#matrix thead button", has_text="Artifact").focus()
    page.keyboard.press("Space")
    assert _column(page, 1) == sorted(_column(page, 1))
    assert page.locator("#matrix th[aria-sort=descending]").count() == 0


def test_the_slider_wipes_the_answer_over_the_truth(opened: Open) -> None:
    page = opened()
    stage, slider = page.locator(".stage").first, page.locator(".wipe input").first
    stage.scroll_into_view_if_needed()
    before = stage.screenshot()
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "80 % artifact, 20 % truth"
    moved = stage.screenshot()
    assert moved != before
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20, steps=4)
    page.mouse.up()
    assert slider.input_value() == "25"
    assert stage.screenshot() not in (before, moved)


def test_another_artifact_can_be_picked(opened: Open) -> None:
    page = opened(PHONE)
    name = ARTIFACTS[0][0]
    page.locator("#artifact-picker").select_option(name)
    assert page.locator(".answer:not([hidden])").first.get_attribute("data-artifact") == name
    assert page.locator(".tag.left").first.inner_text() == name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(opened: Open, scheme: str) -> None:
    page = opened(scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 250, 248)", "dark": "rgb(21, 23, 26)"}[scheme]
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = page.evaluate(CONTRASTS)
    assert len(found) > 100
    assert [item for item in found if item[0] < LEAST_CONTRAST] == []


def test_it_speaks_to_screen_readers(opened: Open) -> None:
    page = opened()
    assert page.locator("main").count() == page.locator("nav[aria-label]").count() == page.locator("h1").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((one) => Number(one.tagName[1]))")
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    unnamed = "(all) => all.filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length)).length"
    assert page.locator("button, select, input").evaluate_all(unnamed) == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"


def test_it_prints_without_controls(opened: Open) -> None:
    page = opened()
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible() and not page.locator(".picker").is_visible()
    assert page.locator("#matrix table").is_visible()


def test_pictures_of_the_page(opened: Open, report: Path, tmp_path: Path) -> None:
    folder = Path(os.environ.get("SEGPORT_SCREENSHOTS", tmp_path))
    path = Path(os.environ.get("SEGPORT_REPORT", report))
    for width, height in ((PHONE, 1500), (DESK, 1700)):
        page = opened(width, path=path)
        page.set_viewport_size({"width": width, "height": height})
        picture = folder / f"report-{width}.png"
        page.screenshot(path=picture)
        assert picture.stat().st_size > 20_000
