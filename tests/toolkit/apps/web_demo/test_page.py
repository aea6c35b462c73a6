"""The exported page in Chromium, from a plain static server: what it draws is what LiteRT answers here, pixel by
pixel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.web.screenshot import served
from segdata.faces.synthetic import SyntheticFaces
from tests.toolkit.apps.web_demo.conftest import SIDE
from toolkit.cli import run_command
from toolkit.errors import ExitStatus
from toolkit.run_folder.folder import RunFolder
from validation.runners.base.resizing import fit_picture
from validation.runners.base.values import label_map
from validation.runners.litert.runner import LiteRtRunner

pytestmark = pytest.mark.web
MAP = """() => {
  const canvas = document.getElementById("map");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return { width: canvas.width, height: canvas.height, pixels: [...pixels] };
}"""


@pytest.fixture(scope="module")
def demo(run: Path, litert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "demo"
    assert run_command(["web-demo", "--run", str(run), "--out", str(out), "--quiet"]) == ExitStatus.PASS
    return out


@contextmanager
def opened(browser: Browser, demo: Path, isolated: bool = False) -> Iterator[Page]:
    """The page once it has shown its sample; afterwards nothing may have gone wrong or been asked of another server."""
    said: list[str] = []
    asked: list[str] = []
    with served(demo, isolated) as address:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(90_000)  # a busy machine
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: said.append(f"{request.url} failed"))
        page.goto(address)
        finished(page)
        yield page
        page.close()
        assert said == []
        assert all(url.startswith((address, "data:", "blob:")) for url in asked)


@pytest.fixture
def page(browser: Browser, demo: Path) -> Iterator[Page]:
    """From a server that sends no special headers."""
    with opened(browser, demo) as found:
        yield found


def finished(page: Page, *shown: str) -> None:
    """Wait until the page has answered and timed, and its line says all of `shown`."""
    page.wait_for_function(
        """(shown) => !document.getElementById("again").disabled
          && shown.every((text) => document.getElementById("status").textContent.includes(text))""",
        arg=list(shown),
        timeout=60_000,
    )
    assert "wrong" not in (page.locator("#status").get_attribute("class") or "")


def drawn(page: Page, demo: Path) -> NDArray[np.uint8]:
    """Class ids that the page's map shows, (height, width); hidden pixels are background."""
    found = page.evaluate(MAP)
    rgba = np.array(found["pixels"], dtype=np.uint8).reshape(found["height"], found["width"], 4)
    classes = json.loads((demo / "manifest.json").read_text(encoding="utf-8"))["artifacts"][0]["classes"]
    ids = {tuple(item["colour"]): index for index, item in enumerate(classes)}
    assert len(ids) == len(classes)
    labels = [0 if alpha == 0 else ids[(red, green, blue)] for red, green, blue, alpha in rgba.reshape(-1, 4).tolist()]
    return np.array(labels, dtype=np.uint8).reshape(rgba.shape[:2])


def expected(run: Path, name: str, side: int, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What LiteRT on this machine's own CPU answers."""
    artifact = RunFolder(run).known_artifacts()[name].at((side, side))
    with LiteRtRunner(artifact) as runner:
        return label_map(runner.predict(fit_picture(picture, SIDE, SIDE)))


def give(page: Page, picture: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(picture).save(path)
    page.set_input_files("#file", path)
    page.wait_for_function("document.getElementById('again').disabled")


def choose(page: Page, select: str, text: str) -> None:
    options: list[str] = page.locator(f"{select} option").all_inner_texts()
    page.select_option(select, index=next(index for index, item in enumerate(options) if text in item))


@pytest.mark.parametrize("name", ["tflite-float32", "tflite-int8_static"])
@pytest.mark.parametrize(("height", "width"), [(SIDE, SIDE), (150, 97), (40, 200)])
def test_the_map_is_litert_s_answer(
    page: Page, demo: Path, run: Path, tmp_path: Path, name: str, height: int, width: int
) -> None:
    """Also of pictures that have to be resized: the page does it as the Python side does."""
    face = SyntheticFaces("test", size=256)[3].image
    picture = np.asarray(Image.fromarray(face).resize((width, height)))
    choose(page, "#artifact", name)
    choose(page, "#size", "64 × 64")
    finished(page, name, "64 × 64 out")
    give(page, picture, tmp_path / "picture.png")
    finished(page, name, "64 × 64 out")
    labels = expected(run, name, 64, picture)
    assert len(np.unique(labels)) > 2  # a map of one class would prove nothing
    np.testing.assert_array_equal(drawn(page, demo), labels)


def test_the_size_switch(page: Page, demo: Path, run: Path, tmp_path: Path) -> None:
    picture = SyntheticFaces("test", size=SIDE)[5].image
    give(page, picture, tmp_path / "picture.png")
    for side in (32, 64, 32):
        choose(page, "#size", f"{side} × {side}")
        finished(page, f"{side} × {side} out")
        np.testing.assert_array_equal(drawn(page, demo), expected(run, "tflite-float32", side, picture))
    choose(page, "#artifact", "int8_static")  # the size chosen before stays
    finished(page, "tflite-int8_static", "32 × 32 out")
    np.testing.assert_array_equal(drawn(page, demo), expected(run, "tflite-int8_static", 32, picture))


def test_threads_where_the_server_isolates_the_page(browser: Browser, demo: Path, run: Path, tmp_path: Path) -> None:
    picture = SyntheticFaces("test", size=SIDE)[4].image
    with opened(browser, demo, isolated=True) as page:
        threads = page.locator("#threads option").all_inner_texts()
        assert threads[0] == "1"
        assert page.locator("#threading").is_visible() == (len(threads) > 1)
        assert "with threads" in page.locator("#note").inner_text()
        choose(page, "#artifact", "int8_static")
        finished(page, "tflite-int8_static")
        give(page, picture, tmp_path / "picture.png")
        finished(page, "tflite-int8_static")
        np.testing.assert_array_equal(drawn(page, demo), expected(run, "tflite-int8_static", 64, picture))


def test_legend_slider_and_time(page: Page, demo: Path) -> None:
    assert page.title().endswith("live demo")
    labels = drawn(page, demo)
    names = [item["name"] for item in json.loads((demo / "manifest.json").read_text())["artifacts"][0]["classes"]]
    counts = {names[index].replace("_", " "): int((labels == index).sum()) for index in np.unique(labels)}
    shown = page.locator("#legend button").all_text_contents()
    assert {text.rsplit(" ", 2)[0]: text.split()[-2] for text in shown} == {
        name: f"{100 * count / labels.size:.1f}" for name, count in counts.items()
    }
    text = page.locator("#legend button[aria-pressed=true]").first.text_content() or ""
    first = page.locator("#legend button", has_text=text)
    hidden = names.index(text.rsplit(" ", 2)[0].replace(" ", "_"))
    first.click()
    assert first.get_attribute("aria-pressed") == "false"
    assert hidden not in drawn(page, demo)
    page.locator("#opacity").fill("20")
    assert page.evaluate("getComputedStyle(document.getElementById('map')).opacity") == "0.2"
    assert float(page.locator("#median").inner_text()) > 0
    assert page.locator("#runs").inner_text() == "median of 5 runs"
    page.locator("#again").click()
    page.wait_for_function("document.getElementById('runs').textContent === 'median of 15 runs'")
    assert page.locator("#threading").is_hidden()  # a plain server sends none of the headers that threads need


def test_it_fits_a_phone_and_the_map_lies_over_the_picture(page: Page, tmp_path: Path) -> None:
    give(page, SyntheticFaces("test", size=128)[2].image[:60], tmp_path / "wide.png")
    finished(page, "tflite-float32")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes: list[dict[str, Any]] = [
        page.evaluate(f"document.getElementById('{name}').getBoundingClientRect().toJSON()")
        for name in ("photo", "map")
    ]
    for key in ("left", "top", "width", "height"):
        assert boxes[0][key] == pytest.approx(boxes[1][key], abs=1)


def test_a_file_that_is_no_picture_is_refused_in_the_page(page: Page, demo: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.png")
    page.wait_for_function("document.getElementById('status').classList.contains('wrong')")
    assert "cannot read notes.png as a picture; choose a JPEG or PNG" in page.locator("#status").inner_text()
    picture = SyntheticFaces("test", size=SIDE)[1].image
    give(page, picture, tmp_path / "picture.png")
    finished(page, "tflite-float32", "64 × 64 out")
    np.testing.assert_array_equal(drawn(page, demo), expected(run, "tflite-float32", 64, picture))
