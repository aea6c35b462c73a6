"""`segport validate --workers N`, and one that is killed at random moments: the same report, whatever happens."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.toolkit.test_whole_story import CLASSES, FACTORY, SIDE
from toolkit.cli import run_command

PICTURES = 64
QUIETLY = ("--quiet", "--images", str(PICTURES), "--threads", "1", "--examples", "2")
MOMENT = ("created", "duration_seconds", "command", "environment")
"""Facts of the moment."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with converted artifacts in `out` and pictures to judge them by."""
    root = tmp_path_factory.mktemp("workers")
    random_colours = np.random.default_rng(0)
    for split, count in (("train", 2), ("test", PICTURES)):
        for kind in ("images", "masks"):
            (root / "data" / split / kind).mkdir(parents=True)
        for index in range(count):
            mask = random_colours.integers(0, 3, (4, 4)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
            picture = random_colours.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
            Image.fromarray(picture).save(root / "data" / split / "images" / f"{index:03d}.png")
            Image.fromarray(mask).save(root / "data" / split / "masks" / f"{index:03d}.png")
    (root / "data" / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    (root / "sharded.py").write_text(FACTORY)
    arguments = [
        "--model",
        "sharded:Brightest",
        "--classes",
        str(root / "data" / "classes.txt"),
        "--input-size",
        str(SIDE),
        "--dataset",
        f"folder:{root / 'data'}",
        "--calibration-images",
        "2",
        "--formats",
        "onnx,tflite",
        "--recipes",
        "float32,float16",
        "--out",
        str(root / "out"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert run_command(["convert", *arguments, "--quiet"]) == 0
    return root


def command(*more: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "from toolkit.cli import main; main()",
        "validate",
        "out",
        "--quiet",
        "--images",
        str(PICTURES),
        *more,
    ]


def started(place: Path, *more: str) -> subprocess.Popen[bytes]:
    here = Path(__file__).resolve().parents[3]
    environment = os.environ | {"PYTHONPATH": str(here), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command(*more),
        cwd=place,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def settled(place: Path, *more: str) -> dict[str, Any]:
    """The report of a validation that may end, without the facts of the moment."""
    process = started(place, *more)
    _, errors = process.communicate(timeout=300)
    assert process.returncode in (0, 1), errors.decode()
    document: dict[str, Any] = json.loads((place / "out" / "report.json").read_text())
    assert not (place / "out" / "cache" / "pieces").exists()
    return {key: value for key, value in document.items() if key not in MOMENT}


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> dict[str, Any]:
    return settled(place)


@pytest.mark.parametrize("workers", ["2", pytest.param("3", marks=pytest.mark.slow)])
def test_workers_give_the_same_report(workers: str, place: Path, undisturbed: dict[str, Any]) -> None:
    (place / "out" / "report.json").unlink(missing_ok=True)
    found = settled(place, "--workers", workers)
    assert found == undisturbed
    runs = [run for artifact in found["artifacts"] for run in artifact["runs"] if run["status"] == "measured"]
    assert runs
    assert all(run["worst_images"] and run["class_flips"] and run["images"] == PICTURES for run in runs)
    assert found["examples"]


@pytest.mark.parametrize(("workers", "kills"), [("1", 3), pytest.param("2", 6, marks=pytest.mark.slow)])
def test_killed_at_random_and_resumed(workers: str, kills: int, place: Path, undisturbed: dict[str, Any]) -> None:
    """Each continues the one before; moments from the first counts to well into the last run."""
    pieces = place / "out" / "cache" / "pieces"
    (place / "out" / "report.json").unlink(missing_ok=True)
    moments = random.Random(int(workers))
    interrupted = 0
    for _ in range(kills):
        process = started(place, "--workers", workers)
        seen = len(list(pieces.rglob("*.npz")))
        while process.poll() is None and len(list(pieces.rglob("*.npz"))) <= seen:
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.4))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            interrupted += 1
        process.communicate()
    assert interrupted >= 1
    assert settled(place, "--workers", workers) == undisturbed


def test_no_worker_outlives_a_killed_validation(place: Path) -> None:
    process = started(place, "--workers", "2")
    pieces = place / "out" / "cache" / "pieces"
    while process.poll() is None and not list(pieces.rglob("*.npz")):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    until = time.monotonic() + 30
    while _group(process.pid) and time.monotonic() < until:
        time.sleep(0.2)
    assert not _group(process.pid)


def _group(leader: int) -> list[int]:
    """Processes of the session that `leader` began."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return found
