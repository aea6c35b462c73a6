"""The exported demo as a phone shows it, with a drawn face: docs/images/web-demo.png."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from toolkit.errors import UsageError

PICTURE = Path("docs/images/web-demo.png")
WIDTH, HEIGHT = 390, 844
PIXELS_A_POINT = 2
MOST_BYTES = 300_000
COLOUR_STEP = 6
QUIETLY = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SECONDS = 180
CHOICE = "tflite-int8_static"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Say nothing."""


class _Isolated(_Quiet):
    def end_headers(self) -> None:
        """With the headers that let a page use threads."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


@contextmanager
def served(folder: Path, isolated: bool = False) -> Iterator[str]:
    """Serve `folder` on loopback while the with-statement lasts; yields the address.


    Served as `python -m http.server` does; if `isolated`, with the headers COOP and COEP besides.
    """
    handler = _Isolated if isolated else _Quiet
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    worker = threading.Thread(target=server.serve_forever, daemon=True)
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        worker.join()


def take(demo: Path, scheme: str = "light", time: bool = False) -> bytes:
    """Take a PNG of the exported demo in `demo` at phone size, once `CHOICE` has segmented its sample and been timed.


    Args:
        demo: the exported folder.
        scheme: ``light`` or ``dark``.
        time: leave the time in the picture; else there is a dash in its place, for machines that are busy.

    Raises:
        UsageError: there is no Chromium, or the page did not come so far.
    """
    from playwright.sync_api import Error, sync_playwright

    from validation.runners.web import packages

    browser = packages.chromium()
    if browser is None:
        raise UsageError(f"there is no Chromium; install it, or name one in {packages.BROWSER_VARIABLE}")
    with served(demo) as address, sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(browser), args=list(QUIETLY))
        try:
            page = running.new_page(
                viewport={"width": WIDTH, "height": HEIGHT},
                device_scale_factor=PIXELS_A_POINT,
                color_scheme="dark" if scheme == "dark" else "light",
                has_touch=True,
                is_mobile=True,
            )
            page.set_default_timeout(SECONDS * 1000)
            page.goto(address)
            done = "document.querySelector('#runs').textContent.startsWith('median of 5')"
            page.wait_for_function(done)
            index = page.evaluate(
                "name => [...document.querySelectorAll('#artifact option')].findIndex(one => "
                "one.text.startsWith(name))",
                CHOICE,
            )
            page.select_option("#artifact", index=index)
            page.wait_for_function(f"document.querySelector('#status').textContent.startsWith('{CHOICE}: 2')")
            if not time:
                page.evaluate("document.querySelector('#median').textContent = '–'")
            return page.screenshot()
        except Error as error:
            raise UsageError(f"the page did not come so far: {error.message.splitlines()[0]}") from error
        finally:
            running.close()


def small_png(content: bytes) -> bytes:
    """Encode the picture in steps of `COLOUR_STEP` a channel: half the bytes, and no colour far from its own.


    Raises:
        UsageError: it is still larger than `MOST_BYTES`.
    """
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float64)
    coarse = np.clip(np.rint(pixels / COLOUR_STEP) * COLOUR_STEP, 0, 255).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(coarse).save(written, format="PNG", optimize=True)
    if written.tell() > MOST_BYTES:
        raise UsageError(f"the picture takes {written.tell():,} bytes, more than {MOST_BYTES:,}; raise COLOUR_STEP")
    return written.getvalue()
