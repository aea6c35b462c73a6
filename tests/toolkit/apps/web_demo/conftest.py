"""A tiny FP-LIIF converted for two output sizes, in float32 and int8, and once with 8-bit pictures; and a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from benchmarks.web.screenshot import QUIETLY
from fpliif import save_checkpoint
from segdata import FACE11
from tests.fpliif.tiny_fpliif import scrambled, tiny_config
from toolkit.cli import run_command
from toolkit.errors import ExitStatus
from validation.runners.web import packages

SIDE = 64


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tflite-float32 and tflite-int8_static, which take 64 x 64 and answer at 32 x 32 and 64 x 64."""
    root = tmp_path_factory.mktemp("web-demo")
    save_checkpoint(scrambled(tiny_config(classes=len(FACE11.names))), FACE11, root / "tiny.safetensors")
    assert _converted(root, "run", "float32,int8_static", "--output-sizes", "32,64") == ExitStatus.PASS
    return root / "run"


@pytest.fixture(scope="session")
def run_of_bytes(run: Path) -> Path:
    """tflite-float32 as usual, and tflite-int8_static with int8 pictures and logits."""
    assert _converted(run.parent, "bytes", "float32,int8_static", "--io-dtype", "int8") == ExitStatus.PASS
    return run.parent / "bytes"


def _converted(root: Path, name: str, recipes: str, *more: str) -> int:
    return run_command(
        [
            "convert",
            "--model",
            str(root / "tiny.safetensors"),
            "--input-size",
            str(SIDE),
            "--formats",
            "tflite",
            "--recipes",
            recipes,
            "--calibration-images",
            "4",
            *more,
            "--out",
            str(root / name),
            "--no-isolate",
            "--quiet",
        ]
    )


@pytest.fixture(scope="session")
def litert() -> Path:
    """The folder of LiteRT.js. Tests never make it: it is downloaded."""
    if not packages.is_set_up():
        pytest.skip("LiteRT.js has not been fetched; run: segport doctor --setup web")
    return packages.web_folder()


@pytest.fixture(scope="package")  # an open browser holds an event loop, which no other test may meet
def browser() -> Iterator[Browser]:
    executable = packages.chromium()
    if executable is None:
        sentence = (
            f"there is no Chromium; install it (apt-get install chromium), or name one in {packages.BROWSER_VARIABLE}"
        )
        if os.environ.get("SEGPORT_REQUIRE_BROWSER"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=list(QUIETLY))
        yield running
        running.close()
